#include "server/space/mutator/choice.h"

namespace hone::mutate {

size_t NumCategories(const schedule::Instruction& sample) { return sample.attrs[0].list().size(); }

int64_t OtherCategory(const schedule::Instruction& sample, int64_t current, CounterRandom& random) {
  const ir::Array<schedule::Value> probs = sample.attrs[1].list();
  if (probs.size() < 2) return -1;
  double total = 0;
  for (size_t i = 0; i < probs.size(); ++i) {
    if (static_cast<int64_t>(i) != current) total += probs[i].number();
  }
  double u = random.Unit() * total;
  int64_t last = -1;
  for (size_t i = 0; i < probs.size(); ++i) {
    if (static_cast<int64_t>(i) == current) continue;
    last = static_cast<int64_t>(i);
    u -= probs[i].number();
    if (u < 0) break;
  }
  return last;
}

int ProducerOf(const std::vector<schedule::Instruction>& instructions, size_t before, schedule::Rv rv) {
  for (size_t i = before; i-- > 0;) {
    for (schedule::Rv out : instructions[i].outputs) {
      if (out == rv) return static_cast<int>(i);
    }
  }
  return -1;
}

}  // namespace hone::mutate
