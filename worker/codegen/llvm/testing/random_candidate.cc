#include "worker/codegen/llvm/testing/random_candidate.h"

#include <vector>

#include "common/ir/visitor.h"
#include "common/schedule/schedule.h"
#include "common/support/check.h"
#include "common/support/strings.h"
#include "common/workload/function_builder.h"

namespace hone::codegen {

namespace {

using workload::Axis;
using workload::FunctionBuilder;
using workload::Reducer;
using Vars = std::vector<ir::Expr>;

class Dice {
 public:
  explicit Dice(uint64_t seed) : state_(seed * 0x9E3779B97F4A7C15ull + 1) {}
  int64_t Below(int64_t n) {
    state_ = state_ * 6364136223846793005ull + 1442695040888963407ull;
    return static_cast<int64_t>((state_ >> 33) % static_cast<uint64_t>(n));
  }
  int64_t Between(int64_t low, int64_t high) { return low + Below(high - low + 1); }
  bool Chance(int percent) { return Below(100) < percent; }

 private:
  uint64_t state_;
};

ir::Expr Load(ir::Buffer buffer, const Vars& indices) { return ir::MakeBufferLoad(buffer, ir::MakeArray(indices)); }

// C = A x B of a type, then something elementwise.
ir::IRModule MatmulChain(Dice& dice) {
  const int64_t m = dice.Between(1, 24), n = dice.Between(1, 40), k = dice.Between(1, 24);
  const bool ints = dice.Chance(20);
  const ir::DataType in = ints ? ir::DataType::Int(8) : ir::kFloat32;
  const ir::DataType out = ints ? ir::kInt32 : ir::kFloat32;
  FunctionBuilder b;
  const ir::Buffer a = b.Input("A", {m, k}, in);
  const ir::Buffer w = b.Input("B", {k, n}, in);
  const ir::Buffer c = b.Reduce("C", Reducer::kSum, {{"i", m}, {"j", n}}, {{"k", k}}, [&](const Vars& v) {
    return ir::Mul(ir::Cast(out, Load(a, {v[0], v[2]})), ir::Cast(out, Load(w, {v[2], v[1]})));
  });
  if (dice.Chance(30)) return b.Finish({c});
  const ir::Buffer d = b.Compute("D", {{"i", m}, {"j", n}}, [&](const Vars& v) {
    return ir::Max(Load(c, {v[0], v[1]}), ir::Const(out, 0));
  });
  return b.Finish({d});
}

// A padded convolution over rows.
ir::IRModule Convolution(Dice& dice) {
  const int64_t h = dice.Between(3, 12), w = dice.Between(3, 12), ci = dice.Between(1, 6), co = dice.Between(1, 20);
  FunctionBuilder b;
  const ir::Buffer x = b.Input("X", {h, w, ci}, ir::kFloat32);
  const ir::Buffer f = b.Input("W", {3, 3, ci, co}, ir::kFloat32);
  const ir::Buffer pad = b.Compute("Pad", {{"y", h + 2}, {"x", w + 2}, {"c", ci}}, [&](const Vars& v) {
    const auto inside = [](ir::Expr i, int64_t n) {
      return ir::And(ir::GE(i, ir::Int32(1)), ir::LT(i, ir::Int32(n + 1)));
    };
    return ir::IfThenElse(ir::And(inside(v[0], h), inside(v[1], w)), Load(x, {v[0] - 1, v[1] - 1, v[2]}),
                          ir::FloatImm(ir::kFloat32, 0));
  });
  const ir::Buffer y = b.Reduce(
      "Y", Reducer::kSum, {{"y", h}, {"x", w}, {"o", co}}, {{"ry", 3}, {"rx", 3}, {"c", ci}}, [&](const Vars& v) {
        return ir::Mul(Load(pad, {v[0] + v[3], v[1] + v[4], v[5]}), Load(f, {v[3], v[4], v[5], v[2]}));
      });
  return b.Finish({y});
}

ir::IRModule Softmax(Dice& dice) {
  const int64_t m = dice.Between(1, 12), n = dice.Between(1, 50);
  FunctionBuilder b;
  const ir::Buffer x = b.Input("X", {m, n}, ir::kFloat32);
  const ir::Buffer top = b.Reduce("Top", Reducer::kMax, {{"i", m}}, {{"k", n}}, [&](const Vars& v) {
    return Load(x, {v[0], v[1]});
  });
  const ir::Buffer e = b.Compute("E", {{"i", m}, {"j", n}}, [&](const Vars& v) {
    return ir::MakeCall(ir::kFloat32, ir::Builtin::exp, {ir::Sub(Load(x, {v[0], v[1]}), Load(top, {v[0]}))});
  });
  const ir::Buffer sum = b.Reduce("Sum", Reducer::kSum, {{"i", m}}, {{"k", n}}, [&](const Vars& v) {
    return Load(e, {v[0], v[1]});
  });
  const ir::Buffer y = b.Compute("Y", {{"i", m}, {"j", n}}, [&](const Vars& v) {
    return ir::Div(Load(e, {v[0], v[1]}), Load(sum, {v[0]}));
  });
  return b.Finish({y});
}

// Reshapes, transposes and strides: indices with divisions, remainders and steps.
ir::IRModule Shuffles(Dice& dice) {
  const int64_t p = dice.Between(2, 9), q = dice.Between(2, 9), r = dice.Between(1, 12);
  FunctionBuilder b;
  const ir::Buffer x = b.Input("X", {p * q, r, 2}, ir::kFloat32);
  const ir::Buffer t = b.Compute("T", {{"i", r}, {"j", p * q}}, [&](const Vars& v) {
    return ir::Add(Load(x, {v[1], v[0], ir::Int32(0)}), Load(x, {v[1], v[0], ir::Int32(1)}));
  });
  const ir::Buffer y = b.Compute("Y", {{"i", r * q}, {"j", p}}, [&](const Vars& v) {
    const ir::Expr value = Load(t, {ir::FloorDiv(v[0], q), v[1] * q + ir::FloorMod(v[0], q)});
    return ir::MakeSelect(ir::GT(value, ir::FloatImm(ir::kFloat32, 0)), value,
                          ir::Mul(value, ir::FloatImm(ir::kFloat32, 0.5)));
  });
  return b.Finish({y});
}

ir::IRModule RandomWorkload(Dice& dice, std::string& name) {
  switch (dice.Below(4)) {
    case 0:
      name = "matmul";
      return MatmulChain(dice);
    case 1:
      name = "conv";
      return Convolution(dice);
    case 2:
      name = "softmax";
      return Softmax(dice);
    default:
      name = "shuffles";
      return Shuffles(dice);
  }
}

std::vector<std::string> BlockNames(const ir::IRModule& module) {
  std::vector<std::string> out;
  const auto* func = ir::As<ir::PrimFuncNode>(module.Entry()->function);
  ir::PreOrderVisitStmts(func->body, [&](ir::Stmt stmt) {
    if (const auto* block = stmt.as<ir::BlockNode>(); block != nullptr && block->name != "root") {
      out.emplace_back(block->name);
    }
    return true;
  });
  return out;
}

// One random primitive; its name when the schedule took it.
std::string Step(schedule::Schedule& s, Dice& dice) {
  const std::vector<std::string> names = BlockNames(s.module());
  if (names.empty()) return "";
  const std::string& name = names[dice.Below(static_cast<int64_t>(names.size()))];
  const auto block = s.GetBlock(name);
  if (!block.ok()) return "";
  const auto loops = s.GetLoops(*block);
  if (!loops.ok()) return "";
  const int64_t count = static_cast<int64_t>(loops->size());
  const auto loop = [&] { return (*loops)[dice.Below(count)]; };
  const auto other_block = [&] { return s.GetBlock(names[dice.Below(static_cast<int64_t>(names.size()))]); };
  const auto took = [&](const absl::Status& status, std::string text) {
    return status.ok() ? StrCat(text, "(", name, ") ") : std::string();
  };
  const int64_t kind = dice.Below(16);
  if (count == 0 && kind < 11) return "";
  switch (kind) {
    case 0:
    case 1:
    case 2: {
      const schedule::Value factors[] = {schedule::Value::None(), schedule::Value::Int(dice.Between(1, 17))};
      return took(s.Split(loop(), factors).status(), "split");
    }
    case 3: {
      if (count < 2) return "";
      const int64_t at = dice.Below(count - 1);
      return took(s.Fuse({(*loops)[at], (*loops)[at + 1]}).status(), "fuse");
    }
    case 4:
    case 5: {
      if (count < 2) return "";
      const schedule::LoopRv a = loop(), b = loop();
      return took(s.Reorder({a, b}), "reorder");
    }
    case 6:
      return took(s.Parallel(loop()), "parallel");
    case 7:
    case 8:
      return took(s.Vectorize(dice.Chance(60) ? loops->back() : loop()), "vectorize");
    case 9:
      return took(s.Unroll(loop()), "unroll");
    case 10:
      return took(s.DecomposeReduction(*block, loop()).status(), "decompose");
    case 11: {
      const auto other = other_block();
      if (!other.ok()) return "";
      const auto other_loops = s.GetLoops(*other);
      if (!other_loops.ok() || other_loops->empty()) return "";
      const auto at = (*other_loops)[dice.Below(static_cast<int64_t>(other_loops->size()))];
      return dice.Chance(50) ? took(s.ComputeAt(*block, at), "compute_at")
                             : took(s.ReverseComputeAt(*block, at), "reverse_compute_at");
    }
    case 12:
      return took(s.ComputeInline(*block), "inline");
    case 13:
      return took(s.CacheRead(*block, 0, "global").status(), "cache_read");
    case 14:
      return took(s.CacheWrite(*block, 0, "global").status(), "cache_write");
    default: {
      const auto root = s.GetBlock("root");
      if (!root.ok() || count == 0) return "";
      const schedule::LoopRv at = loops->front();
      const absl::Status status =
          s.Annotate(at, "pragma_auto_unroll_max_step", schedule::Value::Int(dice.Chance(50) ? 16 : 64));
      if (status.ok()) (void)s.Annotate(at, "pragma_unroll_explicit", schedule::Value::Int(1));
      return took(status, "auto_unroll");
    }
  }
}

}  // namespace

RandomCandidate MakeRandomCandidate(uint64_t seed) {
  Dice dice(seed);
  RandomCandidate out;
  out.original = RandomWorkload(dice, out.description);
  out.description += ": ";
  auto schedule = schedule::Schedule::Create(out.original);
  HONE_CHECK(schedule.ok()) << schedule.status().ToString();
  const int64_t steps = dice.Below(14);
  for (int64_t i = 0; i < steps; ++i) out.description += Step(*schedule, dice);
  out.scheduled = schedule->module();
  return out;
}

}  // namespace hone::codegen
