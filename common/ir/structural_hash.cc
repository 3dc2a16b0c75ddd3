#include "common/ir/structural_hash.h"

#include <cstring>

#include "common/ir/encoder.h"

namespace hone::ir {
namespace {

// Multiply and fold the 128-bit product, one word at a time.
class HashSink {
 public:
  void Word(uint64_t w) {
    const unsigned __int128 product = static_cast<unsigned __int128>(state_ ^ w) * 0x9E3779B97F4A7C15ull;
    state_ = static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64) ^ (state_ << 1);
  }
  void Text(std::string_view text) {
    Word(text.size() | uint64_t{1} << 63);
    while (!text.empty()) {
      uint64_t w = 0;
      const size_t n = text.size() < 8 ? text.size() : 8;
      std::memcpy(&w, text.data(), n);
      Word(w);
      text.remove_prefix(n);
    }
  }
  uint64_t Finish() {
    Word(0x5851F42D4C957F2Dull);
    return state_;
  }

 private:
  uint64_t state_ = 0xA0761D6478BD642Full;
};

template <typename F>
uint64_t Hash(const HashOptions& options, F&& f) {
  HashSink sink;
  Encoder<HashSink> encoder(
      sink, {.map_free_vars = options.map_free_vars, .ignore_ndarray_data = options.ignore_ndarray_data});
  f(encoder);
  return sink.Finish();
}

}  // namespace

uint64_t StructuralHash(Expr e, bool map_free_vars) {
  return Hash({.map_free_vars = map_free_vars}, [&](auto& encoder) { encoder.Put(e); });
}
uint64_t StructuralHash(Stmt s, bool map_free_vars) {
  return Hash({.map_free_vars = map_free_vars}, [&](auto& encoder) { encoder.Put(s); });
}
uint64_t StructuralHash(const Object* object, const HashOptions& options) {
  return Hash(options, [&](auto& encoder) { encoder.PutObject(object); });
}
uint64_t StructuralHash(const IRModule& module, const HashOptions& options) {
  return StructuralHash(module.get(), options);
}

}  // namespace hone::ir
