#include "common/measure/verdict_name.h"

namespace hone {

std::string_view VerdictName(Verdict verdict) {
  switch (verdict) {
    case Verdict::kNotChecked:
      return "not-checked";
    case Verdict::kRight:
      return "right";
    case Verdict::kWrong:
      return "wrong";
  }
  return "unknown";
}

}  // namespace hone
