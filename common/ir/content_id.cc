#include "common/ir/content_id.h"

#include "common/ir/encoder.h"

namespace hone::ir {
namespace {

// Change with every change of the encoding.
constexpr std::string_view kVersion = "hone-ir-1\n";

class ByteSink {
 public:
  explicit ByteSink(std::string* out) : out_(out) {}
  // Little-endian base 128.
  void Word(uint64_t w) {
    while (w >= 0x80) {
      out_->push_back(static_cast<char>(w | 0x80));
      w >>= 7;
    }
    out_->push_back(static_cast<char>(w));
  }
  void Text(std::string_view text) {
    Word(text.size());
    out_->append(text);
  }

 private:
  std::string* out_;
};

}  // namespace

std::string CanonicalEncoding(const Object* object, const ContentOptions& options) {
  std::string out(kVersion);
  ByteSink sink(&out);
  Encoder<ByteSink>(sink, {.map_free_vars = true, .ignore_ndarray_data = options.ignore_ndarray_data})
      .PutObject(object);
  return out;
}

Digest ContentId(const Object* object, const ContentOptions& options) {
  return Sha256(CanonicalEncoding(object, options));
}
Digest ContentId(const IRModule& module, const ContentOptions& options) { return ContentId(module.get(), options); }

}  // namespace hone::ir
