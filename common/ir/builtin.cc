#include "common/ir/builtin.h"

#include <iterator>

namespace hone::ir {
namespace {

constexpr BuiltinInfo kTable[] = {
#define HONE_ROW(name, effect, dtype_argument) {#name, CallEffect::effect, static_cast<DtypeArgument>(dtype_argument)},
    HONE_IR_BUILTINS(HONE_ROW)
#undef HONE_ROW
};

}  // namespace

const BuiltinInfo& InfoOf(Builtin builtin) { return kTable[static_cast<size_t>(builtin)]; }

std::optional<Builtin> BuiltinFromName(std::string_view name) {
  for (size_t i = 0; i < std::size(kTable); ++i) {
    if (kTable[i].name == name) return static_cast<Builtin>(i);
  }
  return std::nullopt;
}

}  // namespace hone::ir
