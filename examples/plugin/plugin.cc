// A plug-in with one of each: a schedule rule, a postproc, a mutator, and a space written as a function.
//
//   g++ $(pkg-config --cflags hone-plugin) -shared plugin.cc -o plugin.so
//   hone tune matmul.py --target llvm --plugin ./plugin.so
//   hone inspect space matmul.py --target ... --plugin ./plugin.so --space transposed
#include "server/space/plugin.h"

#include <algorithm>
#include <string>

namespace {

using hone::schedule::BlockRv;
using hone::schedule::Instruction;
using hone::schedule::LoopRvs;
using hone::schedule::Schedule;
using hone::schedule::Trace;
using hone::schedule::Value;

// Forks the space of every block that reduces over its innermost loop: as it is, and with that loop unrolled by a
// sampled factor.
class UnrollReduction final : public hone::ScheduleRule {
 public:
  std::string_view name() const override { return "UnrollReduction"; }
  std::unique_ptr<hone::ScheduleRule> Clone() const override { return std::make_unique<UnrollReduction>(*this); }

  absl::StatusOr<std::vector<Schedule>> Apply(Schedule sch, BlockRv block) override {
    std::vector<Schedule> out;
    absl::StatusOr<Schedule> unrolled = Unrolled(sch.Copy(), block);
    out.push_back(std::move(sch));
    if (unrolled.ok()) out.push_back(*std::move(unrolled));  // A refused primitive: the rule does not apply.
    return out;
  }

 private:
  static absl::StatusOr<Schedule> Unrolled(Schedule sch, BlockRv block) {
    absl::StatusOr<const hone::ir::BlockNode*> node = sch.Get(block);
    if (!node.ok()) return node.status();
    if ((*node)->iter_vars.empty() || (*node)->iter_vars.back()->iter_type != hone::ir::IterType::kReduce) {
      return absl::FailedPreconditionError("no reduction inside");
    }
    absl::StatusOr<LoopRvs> loops = sch.GetLoops(block);
    if (!loops.ok() || loops->empty()) return absl::FailedPreconditionError("no loops");
    absl::StatusOr<hone::schedule::ExprRvs> tile = sch.SamplePerfectTile(loops->back(), 2, /*max_innermost_factor=*/8);
    if (!tile.ok()) return tile.status();
    const Value factors[] = {Value::OfRv((*tile)[0]), Value::OfRv((*tile)[1])};
    absl::StatusOr<LoopRvs> parts = sch.Split(loops->back(), factors);
    if (!parts.ok()) return parts.status();
    if (absl::Status status = sch.Unroll(parts->back()); !status.ok()) return status;
    return sch;
  }
};

// Rejects programs with a nest deeper than 24 loops.
class LimitDepth final : public hone::Postproc {
 public:
  std::string_view name() const override { return "LimitDepth"; }
  std::unique_ptr<hone::Postproc> Clone() const override { return std::make_unique<LimitDepth>(*this); }

  absl::StatusOr<bool> Apply(Schedule& sch) const override {
    for (const Instruction& instruction : sch.trace().instructions()) {
      if (instruction.row->name == "GetLoops" && instruction.outputs.size() > 24) return false;
    }
    return true;
  }
};

// Sets one sampled tile back to "everything outside".
class FlattenTile final : public hone::Mutator {
 public:
  std::string_view name() const override { return "FlattenTile"; }
  std::unique_ptr<hone::Mutator> Clone() const override { return std::make_unique<FlattenTile>(*this); }

  std::optional<Trace> Apply(const Trace& trace, hone::CounterRandom& random) const override {
    std::vector<size_t> tiles;
    for (size_t i = 0; i < trace.SizeWithoutPostproc(); ++i) {
      const Instruction& instruction = trace.instructions()[i];
      if (instruction.row->name == "SamplePerfectTile" && instruction.decision.list().size() > 1) tiles.push_back(i);
    }
    if (tiles.empty()) return std::nullopt;
    const size_t chosen = tiles[random.Below(tiles.size())];
    int64_t extent = 1;
    std::vector<Value> flat;
    for (const Value& part : trace.instructions()[chosen].decision.list()) {
      extent *= part.integer();
      flat.push_back(Value::Int(1));
    }
    flat[0] = Value::Int(extent);
    const hone::ir::Array<Value> decision(flat.data(), flat.size());
    return trace.WithDecision(chosen, Value::List(decision), /*remove_postproc=*/true);
  }
};

// A space without any rule: the last two loops of each program's first block change places.
absl::Status Transpose(Schedule& sch) {
  const std::vector<std::string_view> functions = sch.state().FunctionNames();
  absl::StatusOr<BlockRv> root = sch.GetBlock("root", functions[0]);
  if (!root.ok()) return root.status();
  absl::StatusOr<hone::schedule::BlockRvs> blocks = sch.GetChildBlocks(*root);
  if (!blocks.ok()) return blocks.status();
  absl::StatusOr<LoopRvs> loops = sch.GetLoops((*blocks)[0]);
  if (!loops.ok()) return loops.status();
  if (loops->size() < 2) return absl::OkStatus();
  const hone::schedule::LoopRv order[] = {(*loops)[loops->size() - 1], (*loops)[loops->size() - 2]};
  return sch.Reorder(order);
}

}  // namespace

HONE_PLUGIN(registry) {
  registry.AddRule(std::make_unique<UnrollReduction>());
  registry.AddPostproc(std::make_unique<LimitDepth>());
  registry.AddMutator(std::make_unique<FlattenTile>(), 0.05);
  registry.AddSpace("transposed", hone::ScheduleFn::OfInPlace(Transpose));
}
