#include "server/space/mutator/unroll.h"

#include "server/space/mutator/choice.h"

namespace hone {

using schedule::Instruction;
using schedule::Trace;
using schedule::Value;

std::optional<Trace> MutateUnroll::Apply(const Trace& trace, CounterRandom& random) const {
  const std::vector<Instruction>& insts = trace.instructions();
  std::vector<size_t> samples;
  for (size_t i = 0; i < trace.SizeWithoutPostproc(); ++i) {
    if (insts[i].row->name != "Annotate" || !insts[i].inputs[1].is(Value::Kind::kRv)) continue;
    const std::string_view key = insts[i].attrs[0].text();
    if (key != "meta_schedule.unroll_explicit" && key != "meta_schedule.unroll_implicit") continue;
    const int sample = mutate::ProducerOf(insts, i, insts[i].inputs[1].rv());
    if (sample >= 0 && insts[sample].row->name == "SampleCategorical" && insts[sample].decision.is_integral() &&
        mutate::NumCategories(insts[sample]) > 1) {
      samples.push_back(static_cast<size_t>(sample));
    }
  }
  if (samples.empty()) return std::nullopt;
  const size_t chosen = samples[random.Below(samples.size())];
  const int64_t other = mutate::OtherCategory(insts[chosen], insts[chosen].decision.integer(), random);
  if (other < 0) return std::nullopt;
  return trace.WithDecision(chosen, Value::Int(other), /*remove_postproc=*/true);
}

}  // namespace hone
