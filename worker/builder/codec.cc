#include "worker/builder/codec.h"

#include <cstring>
#include <type_traits>

namespace hone::builder {
namespace {

// One set of Visit functions serves both directions.
class Writer {
 public:
  static constexpr bool kReading = false;
  template <typename T>
  void Number(T& value) {
    out.append(reinterpret_cast<const char*>(&value), sizeof(value));
  }
  void Text(std::string& text) {
    uint64_t size = text.size();
    Number(size);
    out += text;
  }
  void Check(bool) {}
  bool ok() const { return true; }
  std::string out;
};

class Reader {
 public:
  static constexpr bool kReading = true;
  explicit Reader(std::string_view in) : in_(in) {}
  template <typename T>
  void Number(T& value) {
    if (!Has(sizeof(value))) return;
    std::memcpy(&value, in_.data(), sizeof(value));
    in_.remove_prefix(sizeof(value));
  }
  void Text(std::string& text) {
    uint64_t size = 0;
    Number(size);
    if (!Has(size)) return;
    text.assign(in_.data(), size);
    in_.remove_prefix(size);
  }
  void Check(bool good) { ok_ = ok_ && good; }
  bool ok() const { return ok_; }
  bool done() const { return ok_ && in_.empty(); }

 private:
  bool Has(uint64_t bytes) {
    ok_ = ok_ && bytes <= in_.size();
    return ok_;
  }
  std::string_view in_;
  bool ok_ = true;
};

template <typename V, typename T, typename F>
void Sequence(V& v, std::vector<T>& items, F visit) {
  uint64_t size = items.size();
  v.Number(size);
  if constexpr (V::kReading) items.clear();
  for (uint64_t i = 0; i < size && v.ok(); ++i) {
    if constexpr (V::kReading) items.emplace_back();
    visit(items[i]);
  }
}

template <typename V>
void Duration(V& v, absl::Duration& duration) {
  int64_t nanoseconds = absl::ToInt64Nanoseconds(duration);
  v.Number(nanoseconds);
  duration = absl::Nanoseconds(nanoseconds);
}

template <typename V>
void Visit(V& v, BuildRequest& request) {
  v.Text(request.workload_script);
  v.Text(request.trace_json);
  v.Text(request.target_json);
  Duration(v, request.timeout);
  v.Number(request.memory_bytes);
}

template <typename V>
void Visit(V& v, Artifact& artifact) {
  v.Number(artifact.key.bytes);
  v.Text(artifact.format);
  v.Text(artifact.bytes);
  v.Text(artifact.entry);
  Sequence(v, artifact.args, [&](TensorInfo& arg) {
    v.Text(arg.dtype);
    Sequence(v, arg.shape, [&](int64_t& extent) { v.Number(extent); });
  });
  v.Text(artifact.metadata_json);
}

template <typename V, typename T, typename F>
void Optional(V& v, std::optional<T>& value, F visit) {
  uint8_t present = value.has_value();
  v.Number(present);
  if (present == 0) return;
  if (!value.has_value()) value.emplace();
  visit(*value);
}

template <typename V>
void Visit(V& v, BuildResult& result) {
  Optional(v, result.artifact, [&](Artifact& artifact) { Visit(v, artifact); });
  Optional(v, result.failure, [&](Failure& failure) {
    v.Number(failure.kind);
    v.Check(FailureKindFromName(FailureKindName(failure.kind)) == failure.kind);
    v.Text(failure.message);
  });
  Duration(v, result.build_time);
}

template <typename T>
std::string Encode(const T& value) {
  Writer writer;
  T copy = value;
  Visit(writer, copy);
  return std::move(writer.out);
}

template <typename T>
bool Decode(std::string_view bytes, T* value) {
  *value = T();
  Reader reader(bytes);
  Visit(reader, *value);
  return reader.done();
}

}  // namespace

std::string EncodeRequest(const BuildRequest& request) { return Encode(request); }
std::string EncodeResult(const BuildResult& result) { return Encode(result); }
bool DecodeRequest(std::string_view bytes, BuildRequest* request) { return Decode(bytes, request); }
bool DecodeResult(std::string_view bytes, BuildResult* result) { return Decode(bytes, result); }

}  // namespace hone::builder
