#include "common/schedule/primitive/split.h"

#include <algorithm>
#include <string>

#include "common/ir/ops.h"
#include "common/schedule/analysis.h"
#include "common/schedule/primitive/apply.h"
#include "common/schedule/rebind.h"
#include "common/schedule/schedule.h"
#include "common/support/status_macros.h"

namespace hone::schedule {
namespace {

using ir::Expr;
using Factors = absl::InlinedVector<Expr, 4>;

// The name with _<index>, in the arena.
std::string_view SuffixedName(std::string_view name, size_t index) {
  char* text = static_cast<char*>(ir::Arena::Current().Allocate(name.size() + 4));
  std::copy(name.begin(), name.end(), text);
  size_t size = name.size();
  text[size++] = '_';
  if (index >= 10) text[size++] = static_cast<char>('0' + index / 10);
  text[size++] = static_cast<char>('0' + index % 10);
  return std::string_view(text, size);
}

absl::StatusOr<Factors> ResolveFactors(const ScheduleState& state, SrefId loop, absl::Span<const int64_t> factors) {
  const ir::ForNode* node = state.loop(loop);
  const ir::DataType dtype = node->loop_var.dtype();
  const int64_t most = (int64_t{1} << (std::min<int>(dtype.bits, 63) - 1)) - 1;
  int64_t product = 1;
  int inferred = -1;
  Factors out;
  for (size_t i = 0; i < factors.size(); ++i) {
    if (factors[i] == kInferFactor) {
      if (inferred >= 0) return state.Refuse("only one factor can be specified as -1 or none", {loop});
      inferred = static_cast<int>(i);
      out.emplace_back();
      continue;
    }
    if (factors[i] <= 0) return state.Refuse("All the constant factors are required to be positive", {loop});
    if (__builtin_mul_overflow(product, factors[i], &product) || product > most) {
      return absl::InvalidArgumentError("the product of the factors is too large");
    }
    out.push_back(ir::IntImm(dtype, factors[i]));
  }
  const int64_t* extent = ir::ConstInt(node->extent);
  if (inferred >= 0) {
    if (extent != nullptr) {
      out[inferred] = ir::IntImm(dtype, ir::FloorDivInt(*extent + product - 1, product));
    } else {
      out[inferred] = arith::Simplify(ir::FloorDiv(node->extent + (product - 1), product));
    }
  } else {
    arith::Analyzer analyzer;
    const bool covered =
        extent != nullptr ? product >= *extent : analyzer.CanProve(ir::GE(ir::IntImm(dtype, product), node->extent));
    if (!covered) {
      return state.Refuse("The product of factors is not larger than or equal to the extent of loop", {loop});
    }
  }
  return out;
}

// True when the split loops never leave the extent.
bool StaysInside(const ir::ForNode* node, const Factors& factors, absl::Span<const ir::Var> vars, Expr guard) {
  const int64_t* extent = ir::ConstInt(node->extent);
  int64_t product = 1;
  bool constant = extent != nullptr;
  for (Expr factor : factors) {
    const int64_t* value = ir::ConstInt(factor);
    constant = constant && value != nullptr;
    if (constant) product *= *value;
  }
  if (constant) return product <= *extent;
  arith::Analyzer analyzer;
  for (size_t i = 0; i < vars.size(); ++i) analyzer.Bind(vars[i], ir::RangeFromExtent(factors[i]));
  return analyzer.CanProve(guard, arith::ProofStrength::kSymbolicBound);
}

}  // namespace

absl::StatusOr<SrefList> Split(ScheduleState& state, SrefId loop, absl::Span<const int64_t> factors,
                               bool preserve_unit_iters, bool disable_predication) {
  if (factors.empty() || factors.size() > 99) return absl::InvalidArgumentError("expected one factor or more");
  HONE_RETURN_IF_ERROR(CheckPlainLoop(state, loop));
  HONE_RETURN_IF_ERROR(CheckStartsAtZero(state, loop));
  HONE_ASSIGN_OR_RETURN(const Factors extents, ResolveFactors(state, loop, factors));
  const ir::ForNode* node = state.loop(loop);
  const ir::DataType dtype = node->loop_var.dtype();

  LoopDomains domains = DomainsAbove(state, loop);
  absl::InlinedVector<ir::Var, 4> vars;
  Expr value;
  for (size_t i = 0; i < extents.size(); ++i) {
    vars.push_back(ir::MakeVar(SuffixedName(node->loop_var.name(), i), dtype));
    value = i == 0 ? Expr(vars[0]) : value * extents[i] + vars[i];
    domains.push_back({vars[i], ir::RangeFromExtent(extents[i])});
  }
  Rebinding rebinding;
  rebinding.values.emplace_back(node->loop_var, value);
  rebinding.preserve_unit_iters = preserve_unit_iters;
  if (!disable_predication) {
    const Expr guard = ir::LT(value, node->extent);
    if (!StaysInside(node, extents, vars, guard)) rebinding.guard = guard;
  }
  BlockReuses reuses;
  ir::Stmt nest = RebindNest(node->body, rebinding, domains, reuses);
  for (size_t i = vars.size(); i-- > 0;) {
    nest = ir::MakeFor(vars[i], ir::IntImm(dtype, 0), extents[i], ir::ForKind::kSerial, nest);
  }
  SrefList out;
  SrefId id = state.Replace(loop, nest, reuses);
  for (size_t i = 0; i < vars.size(); ++i, id = state.at(id).first_child) out.push_back(id);
  return out;
}

absl::StatusOr<LoopRvs> Schedule::Split(LoopRv loop, absl::Span<const Value> factors, bool preserve_unit_iters,
                                        bool disable_predication) {
  const PrimitiveScope scope(*this, kSplitRow);
  HONE_ASSIGN_OR_RETURN(const SrefId id, SrefOf(loop));
  absl::InlinedVector<int64_t, 8> numbers;
  for (const Value& factor : factors) {
    if (factor.is_none()) {
      numbers.push_back(kInferFactor);
      continue;
    }
    HONE_ASSIGN_OR_RETURN(const int64_t number, Evaluate(factor));
    // A literal -1 is no way to say "infer".
    numbers.push_back(number == kInferFactor ? 0 : number);
  }
  HONE_ASSIGN_OR_RETURN(const SrefList loops,
                        schedule::Split(state_, id, numbers, preserve_unit_iters, disable_predication));
  LoopRvs out;
  for (SrefId l : loops) out.push_back(NewLoopRv(l));
  absl::InlinedVector<Value, 8> inputs = {Value::OfRv(loop)};
  inputs.insert(inputs.end(), factors.begin(), factors.end());
  Record(kSplitRow, inputs, {Value::Int(preserve_unit_iters), Value::Int(disable_predication)}, RvsOf(out));
  return out;
}

const InstructionRow kSplitRow = {
    .name = "Split",
    .pure = false,
    .inputs = "lv*",
    .attrs = "nn",
    .outputs = Outputs::kList,
    .output_kind = 'l',
    .method = "split",
    .arguments = "loop,factors*,preserve_unit_iters,disable_predication",
    .apply =
        [](Schedule& s, Call& c) {
          return PutAll(s.Split(LoopOf(c, 0), c.inputs.subspan(1), BoolOf(c.attrs[0]), BoolOf(c.attrs[1])), c);
        },
    .python_bool_attrs = 3};

}  // namespace hone::schedule
