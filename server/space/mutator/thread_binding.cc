#include "server/space/mutator/thread_binding.h"

#include "server/space/analysis.h"
#include "server/space/mutator/choice.h"

namespace hone {

using schedule::Instruction;
using schedule::Trace;
using schedule::Value;

std::optional<Trace> MutateThreadBinding::Apply(const Trace& trace, CounterRandom& random) const {
  const std::vector<Instruction>& insts = trace.instructions();
  std::vector<size_t> samples;
  for (size_t i = 0; i < trace.SizeWithoutPostproc(); ++i) {
    const Instruction& bind = insts[i];
    if (space::ThreadAxisBoundBy(bind) != "threadIdx.x") continue;
    const int split = mutate::ProducerOf(insts, i, bind.inputs[0].rv());
    if (split < 0 || insts[split].row->name != "Split" || insts[split].outputs.size() != 2) continue;
    if (!(insts[split].outputs[1] == bind.inputs[0].rv()) || !insts[split].inputs[1].is_none() ||
        !insts[split].inputs[2].is(Value::Kind::kRv)) {
      continue;
    }
    const int sample = mutate::ProducerOf(insts, static_cast<size_t>(split), insts[split].inputs[2].rv());
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
