// libFuzzer target: bytes choose a program and calls of primitives on it, with sensible or arbitrary arguments. Nothing
// crashes; a refusal leaves the program and the trace as they were; the trace of what was accepted gives the same
// program again; and unless a primitive was among it that may change results, the program computes what it did.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/intrin/intrin.h"
#include "common/ir/ops.h"
#include "common/ir/testing/random_program.h"
#include "common/ir/visitor.h"
#include "common/schedule/oracle/oracle.h"
#include "common/schedule/testing/any_call.h"
#include "common/schedule/testing/random_step.h"
#include "common/schedule/testing/rare_step.h"
#include "common/script/printer.h"
#include "common/support/strings.h"

namespace hone::schedule {
namespace {

constexpr size_t kMaxCalls = 24;
constexpr double kMaxSteps = 20'000;

[[noreturn]] void Fail(const ir::IRModule& before, const Schedule& schedule, const std::string& why) {
  std::fprintf(stderr, "%s\n%s\n", why.c_str(), Describe(before, schedule).c_str());
  std::abort();
}

// Whether a split without predicate has factors that give more points than the loop has: its caller promised not to run
// these, which nobody here keeps. With the predicates put back another program comes out, or none.
bool LacksPredicates(const ir::IRModule& before, const Schedule& schedule) {
  const Trace& trace = schedule.trace();
  std::vector<Instruction> instructions = trace.instructions();
  auto arena = std::make_shared<ir::Arena>();
  if (trace.arena() != nullptr) arena->KeepAlive(trace.arena());
  const ir::ArenaScope scope(arena);
  bool changed = false;
  for (Instruction& instruction : instructions) {
    if (instruction.row->name != "Split" || instruction.attrs[1].number() == 0) continue;
    instruction.attrs = ir::MakeArray<Value>({instruction.attrs[0], Value::Int(0)});
    changed = true;
  }
  if (!changed) return false;
  absl::StatusOr<Schedule> guarded = Schedule::Create(before, schedule.options());
  if (!guarded.ok() || !Trace(std::move(instructions), std::move(arena)).ApplyTo(*guarded).ok()) return true;
  return script::PrintModule(guarded->module()) != script::PrintModule(schedule.module());
}

// Looks for a reduction that begins behind 0.
class LateReduction : public ir::StmtExprVisitor {
 public:
  bool found = false;

 protected:
  using StmtExprVisitor::Visit;
  void Visit(const ir::BlockNode* node) override {
    for (ir::IterVar iter : node->iter_vars) {
      found |= node->init && iter->iter_type == ir::IterType::kReduce && !ir::IsConstInt(iter->dom.min, 0);
    }
    StmtExprVisitor::Visit(node);
  }
};

// Whether a loop of a reduction was partitioned: every part then begins with the init, as the peer's do
// (tests/conformance/differences.md). A part that was decomposed since has its init in a block of its own.
bool InitsParts(const Schedule& schedule) {
  bool partitioned = false, decomposed = false;
  for (const Instruction& i : schedule.trace().instructions()) {
    partitioned |= i.row->name == "LoopPartition";
    decomposed |= partitioned && i.row->name == "DecomposeReduction";
  }
  if (!partitioned || decomposed) return partitioned;
  LateReduction finder;
  for (std::string_view function : schedule.state().FunctionNames()) {
    finder.VisitStmt(schedule.state().at(schedule.state().RootOf(function)).realize);
  }
  return finder.found;
}

// Whether blockize may have met bindings to loops around a part of loop_partition, which it takes for 0, as the peer
// does (tests/conformance/differences.md).
bool BlockizesParts(const Schedule& schedule) {
  bool partitioned = false;
  for (const Instruction& i : schedule.trace().instructions()) {
    partitioned |= i.row->name == "LoopPartition";
    if (partitioned && i.row->name == "Blockize") return true;
  }
  return false;
}

absl::Status OneCall(Schedule& schedule, testing::AnyCaller& caller, uint8_t what, uint16_t seed) {
  CounterRandom random({0xf022, seed});
  const auto rare = testing::RarePrimitives();
  if (what < 64) return testing::RandomStep(schedule, static_cast<testing::Step>(what % testing::kStepCount), random);
  if (what < 128) return testing::RareStep(schedule, rare[what % rare.size()], random);
  if (what < 144) caller.LookAround(random);
  const auto rows = AllInstructions();
  return caller.Call(*rows[what % rows.size()], random);
}

void Run(const uint8_t* data, size_t size) {
  if (size < 5) return;
  CounterRandom random({data[0], data[1]});
  ir::testing::RandomProgramOptions options;
  options.max_stages = 1 + data[2] % 4;
  options.max_extent = 2 + data[2] / 4 % 6;
  options.all_dtypes = true;
  options.shifted_loops = (data[2] & 128) != 0;
  const ir::IRModule before = ir::testing::RandomProgram(random, options);
  ScheduleOptions schedule_options;
  schedule_options.seed = 1 + data[3];
  schedule_options.intrinsics = FindTensorIntrin;
  absl::StatusOr<Schedule> schedule = Schedule::Create(before, schedule_options);
  if (!schedule.ok()) std::abort();
  testing::AnyCaller caller(*schedule);
  caller.LookAround(random);
  for (size_t i = 0; i < kMaxCalls && 4 + 3 * i + 2 < size; ++i) {
    const uint8_t* at = data + 4 + 3 * i;
    const ir::IRModule prepared = schedule->module();
    const size_t instructions = schedule->trace().size();
    const absl::Status status = OneCall(*schedule, caller, at[0], static_cast<uint16_t>(at[1] | at[2] << 8));
    schedule->state().VerifyTree();
    if (status.ok()) continue;
    if (schedule->DescribeError(status).empty()) Fail(before, *schedule, "a refusal says nothing");
    // Helpers may have called another primitive before.
    if (schedule->trace().size() == instructions && schedule->module().get() != prepared.get()) {
      Fail(before, *schedule, StrCat("a refusal changed the program: ", ToStd(status.message())));
    }
  }
  const absl::Status trace = CheckTrace(before, *schedule);
  if (!trace.ok()) Fail(before, *schedule, ToStd(trace.message()).data());
  for (const Instruction& instruction : schedule->trace().instructions()) {
    if (testing::MayChangeResults(instruction.row->name)) return;
  }
  if (testing::RoughSteps(schedule->module()) > kMaxSteps) return;
  if (LacksPredicates(before, *schedule) || InitsParts(*schedule) || BlockizesParts(*schedule)) return;
  const absl::Status same = CheckResults(before, *schedule, data[3]);
  if (!same.ok()) Fail(before, *schedule, std::string(ToStd(same.message())));
}

}  // namespace
}  // namespace hone::schedule

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  hone::schedule::Run(data, size);
  return 0;
}
