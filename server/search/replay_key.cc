#include "server/search/replay_key.h"

#include <algorithm>
#include <utility>

namespace hone {

using schedule::Instruction;
using schedule::Rv;
using schedule::Schedule;
using schedule::ScheduleState;
using schedule::SrefId;
using schedule::Trace;
using schedule::Value;

namespace {

void Mix(uint64_t& h, uint64_t x) {
  h = (h ^ x) * 0x9E3779B97F4A7C15ull;
  h ^= h >> 32;
}

void Mix(uint64_t& h, const Value& value) {
  Mix(h, static_cast<uint64_t>(value.kind()));
  switch (value.kind()) {
    case Value::Kind::kInt:
      return Mix(h, static_cast<uint64_t>(value.integer()));
    case Value::Kind::kRv:
      return Mix(h, static_cast<uint64_t>(value.rv().id));
    case Value::Kind::kList:
      for (const Value& item : value.list()) Mix(h, item);
      return;
    case Value::Kind::kNone:
    case Value::Kind::kFloat:
    case Value::Kind::kBool:
    case Value::Kind::kString:
    case Value::Kind::kMap:
    case Value::Kind::kExpr:
    case Value::Kind::kIndexMap:
      return;  // The same in all traces of a space.
  }
}

const LaneChoice* Find(absl::Span<const LaneChoice> lanes, size_t instruction) {
  for (const LaneChoice& choice : lanes) {
    if (choice.instruction == instruction) return &choice;
  }
  return nullptr;
}

// The choice that `decision` is the same as.
Value Canonical(const LaneChoice* choice, const Value& decision) {
  if (choice == nullptr || !decision.is(Value::Kind::kInt)) return decision;
  const int64_t index = decision.integer();
  if (index < 0 || index >= static_cast<int64_t>(choice->same_as.size())) return decision;
  return Value::Int(choice->same_as[static_cast<size_t>(index)]);
}

bool Uses(const Instruction& instruction, Rv rv) {
  return std::any_of(instruction.inputs.begin(), instruction.inputs.end(),
                     [&](const Value& input) { return input.is(Value::Kind::kRv) && input.rv() == rv; });
}

// The instruction that samples `lanes` for `user` and nobody else; `size` when there is none.
size_t SamplerOf(const std::vector<Instruction>& all, size_t size, Rv lanes, size_t user) {
  static const auto* categorical = schedule::FindInstruction("SampleCategorical");
  size_t found = size;
  for (size_t i = 0; i < size; ++i) {
    if (i != user && Uses(all[i], lanes)) return size;
    if (all[i].row == categorical && all[i].outputs.size() == 1 && all[i].outputs[0] == lanes) found = i;
  }
  return found;
}

// The extent of the loop directly above the block; 0 when it is not known.
int64_t ExtentAbove(const Schedule& schedule, const Value& block) {
  if (!block.is(Value::Kind::kRv)) return 0;
  const auto id = schedule.SrefOf(schedule::BlockRv{block.rv()});
  if (!id.ok()) return 0;
  const ScheduleState& state = schedule.state();
  const SrefId above = state.parent(*id);
  const ir::ForNode* loop = above != schedule::kNoSref ? state.loop(above) : nullptr;
  const int64_t* extent = loop != nullptr ? ir::ConstInt(loop->extent) : nullptr;
  return extent != nullptr ? *extent : 0;
}

}  // namespace

LaneChoices FindLaneChoices(const Schedule& replayed, size_t size) {
  static const auto* annotate = schedule::FindInstruction("Annotate");
  LaneChoices out;
  const std::vector<Instruction>& all = replayed.trace().instructions();
  for (size_t i = 0; i < size; ++i) {
    if (all[i].row != annotate || all[i].attrs[0].text() != "meta_schedule.cooperative_fetch") continue;
    if (!all[i].inputs[1].is(Value::Kind::kRv)) continue;
    const size_t sampler = SamplerOf(all, size, all[i].inputs[1].rv(), i);
    const int64_t extent = ExtentAbove(replayed, all[i].inputs[0]);
    if (sampler == size || extent < 1 || !all[sampler].attrs[0].is(Value::Kind::kList)) continue;
    LaneChoice choice{sampler, {}};
    absl::InlinedVector<int64_t, 4> effective;
    for (const Value& candidate : all[sampler].attrs[0].list()) {
      const int64_t lanes = candidate.is(Value::Kind::kInt) ? candidate.integer() : 0;
      if (lanes < 1) break;
      effective.push_back(extent % lanes == 0 ? lanes : 1);
      choice.same_as.push_back(std::find(effective.begin(), effective.end(), effective.back()) - effective.begin());
    }
    if (choice.same_as.size() == all[sampler].attrs[0].list().size()) out.push_back(std::move(choice));
  }
  return out;
}

uint64_t ReplayKey(const Trace& trace, absl::Span<const LaneChoice> lanes) {
  uint64_t h = 0x243F6A8885A308D3ull;
  const std::vector<Instruction>& all = trace.instructions();
  for (size_t i = 0; i < all.size(); ++i) {
    Mix(h, reinterpret_cast<uintptr_t>(all[i].row));
    for (const Value& input : all[i].inputs) Mix(h, input);
    Mix(h, Canonical(Find(lanes, i), all[i].decision));
  }
  return h;
}

uint64_t ReplayKeyOfMutant(const Trace& mutant, const Trace& parent, absl::Span<const LaneChoice> lanes) {
  const std::vector<Instruction>& a = mutant.instructions();
  const std::vector<Instruction>& b = parent.instructions();
  bool same_loops = !lanes.empty() && a.size() == b.size();
  for (size_t i = 0; same_loops && i < a.size(); ++i) {
    same_loops = a[i].row == b[i].row && a[i].inputs.same_as(b[i].inputs) &&
                 (SameValue(a[i].decision, b[i].decision) || Find(lanes, i) != nullptr);
  }
  return ReplayKey(mutant, same_loops ? lanes : absl::Span<const LaneChoice>());
}

}  // namespace hone
