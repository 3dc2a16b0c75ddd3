#include "common/intrin/dp4a.h"

#include "common/intrin/text_template.h"
#include "common/support/strings.h"

namespace hone {
namespace {

// C[0] += A[k] * B[k] for four bytes.
constexpr char kHead[] = R"(
@T.prim_func
def main(a: T.handle, b: T.handle, c: T.handle):
    A = T.match_buffer(a, (4,), "$a", offset_factor=1, align=4, scope="shared")
    B = T.match_buffer(b, (4,), "$b", offset_factor=1, align=4, scope="shared")
    C = T.match_buffer(c, (1,), "$c", offset_factor=1, align=4, scope="local")
    with T.block("root"):
        T.reads(C[0], A[0:4], B[0:4])
        T.writes(C[0])
)";

constexpr char kLoops[] = R"(        for i in range(4):
            with T.block("update"):
                vi = T.axis.remap("R", [i])
                C[0] = C[0] + T.Cast("$c", A[vi]) * T.Cast("$c", B[vi])
)";

// CUDA: four byte products added to a 32-bit word.
constexpr char kDp4a[] =
    R"(        C[0] = C[0] + T.call_pure_extern("$c", "__dp4a", A.vload([0], "$ax4"), B.vload([0], "$bx4"), T.$c(0))
)";

// V_DOT4_I32_I8, without saturation.
constexpr char kSdot4[] =
    R"(        C[0] = C[0] + T.call_llvm_pure_intrin("int32", "llvm.amdgcn.sdot4", T.uint32(4), T.reinterpret("int32", A.vload([0], "int8x4")), T.reinterpret("int32", B.vload([0], "int8x4")), T.int32(0), T.bool(True))
)";

IntrinText Make(std::string_view name, std::string_view a, std::string_view b, std::string_view c,
                std::string_view body = kDp4a) {
  const auto fill = [&](std::string_view text) { return Fill(text, {{"$a", a}, {"$b", b}, {"$c", c}}); };
  return {std::string(name), fill(StrCat(kHead, kLoops)), fill(StrCat(kHead, body))};
}

}  // namespace

std::vector<IntrinText> Dp4aIntrins() {
  return {
      Make("dp4a_s8s8s32", "int8", "int8", "int32"),  Make("dp4a_u8s8s32", "uint8", "int8", "int32"),
      Make("dp4a_s8u8s32", "int8", "uint8", "int32"), Make("dp4a_u8u8u32", "uint8", "uint8", "uint32"),
      Make("sdot4", "int8", "int8", "int32", kSdot4),
  };
}

}  // namespace hone
