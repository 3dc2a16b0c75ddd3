#include "server/space/mutator/compute_location.h"

#include "common/schedule/primitive/sample.h"
#include "common/schedule/schedule.h"

namespace hone {

using schedule::Instruction;
using schedule::Schedule;
using schedule::Trace;
using schedule::Value;

absl::Status MutateComputeLocation::Initialize(const SpaceContext& context, const ir::IRModule& workload) {
  workload_ = workload;
  intrinsics_ = context.intrinsics;
  return absl::OkStatus();
}

std::optional<Trace> MutateComputeLocation::Apply(const Trace& trace, CounterRandom& random) const {
  const std::vector<Instruction>& insts = trace.instructions();
  bool any = false;
  for (const Instruction& inst : insts) any = any || inst.row->name == "SampleComputeLocation";
  if (!any) return std::nullopt;
  schedule::ScheduleOptions options;
  options.seed = 1;
  options.intrinsics = intrinsics_;
  absl::StatusOr<Schedule> replay = Schedule::Create(workload_, options);
  if (!replay.ok()) return std::nullopt;
  struct Choice {
    size_t instruction;
    std::vector<int64_t> codes;  // Without the current one.
  };
  std::vector<Choice> choices;
  const absl::Status status =
      trace.ApplyTo(*replay, /*remove_postproc=*/true, [&](size_t index, const Instruction& inst) {
        if (inst.row->name != "SampleComputeLocation" || !inst.decision.is_integral()) return inst.decision;
        // The replay has recorded the instructions before this one: its block is what their outputs became.
        const schedule::Rv wanted = inst.inputs[0].rv();
        for (size_t i = 0; i < index; ++i) {
          const ir::Array<schedule::Rv> old_outputs = insts[i].outputs;
          for (size_t k = 0; k < old_outputs.size(); ++k) {
            if (!(old_outputs[k] == wanted)) continue;
            schedule::BlockRv block;
            block.id = replay->trace().instructions()[i].outputs[k].id;
            const auto sref = replay->SrefOf(block);
            if (!sref.ok()) return inst.decision;
            Choice choice{index, {}};
            for (const schedule::ComputeLocation& at : schedule::ComputeLocations(replay->mutable_state(), *sref)) {
              if (at.index != inst.decision.integer()) choice.codes.push_back(at.index);
            }
            if (!choice.codes.empty()) choices.push_back(std::move(choice));
            return inst.decision;
          }
        }
        return inst.decision;
      });
  if (!status.ok() || choices.empty()) return std::nullopt;
  const Choice& chosen = choices[random.Below(choices.size())];
  const int64_t code = chosen.codes[random.Below(chosen.codes.size())];
  return trace.WithDecision(chosen.instruction, Value::Int(code), /*remove_postproc=*/true);
}

}  // namespace hone
