#include "server/space/rule/multi_level_tiling_wide_vector.h"

#include "common/support/status_macros.h"
#include "common/support/strings.h"

namespace hone {

using schedule::Schedule;
using schedule::Value;

absl::StatusOr<MultiLevelTiling::LoopSplit> MultiLevelTilingWideVector::SplitLoop(State& state, schedule::LoopRv loop,
                                                                                  int parts) {
  Schedule& sch = state.sch;
  HONE_ASSIGN_OR_RETURN(const schedule::SrefId sref, sch.SrefOf(state.block));
  HONE_ASSIGN_OR_RETURN(const ir::ForNode* node, sch.Get(loop));
  const ir::BlockNode* block = sch.state().block(sref);
  const size_t innermost = block->writes[0]->region.size() - 1;
  const ir::Array<ir::Expr> values = sch.state().at(sref).realize->iter_values;
  const bool is_innermost = innermost < values.size() && values[innermost] == ir::Expr(node->loop_var);
  if (!is_innermost) return MultiLevelTiling::SplitLoop(state, loop, parts);
  const int64_t vector = vector_length_bits_ / block->writes[0]->buffer->dtype.bits;
  const int64_t* extent = ir::ConstInt(node->extent);
  LoopSplit out;
  if (extent != nullptr && *extent > vector) {
    const Value by_vector[] = {Value::None(), Value::Int(vector)};
    HONE_ASSIGN_OR_RETURN(const schedule::LoopRvs halves, sch.Split(loop, by_vector));
    HONE_ASSIGN_OR_RETURN(const schedule::ExprRvs sampled,
                          sch.SamplePerfectTile(halves[0], parts - 1, config_.max_innermost_factor));
    std::vector<Value> factors;
    for (schedule::ExprRv factor : sampled) factors.push_back(factor ? Value::OfRv(factor) : Value::None());
    HONE_ASSIGN_OR_RETURN(const schedule::LoopRvs loops, sch.Split(halves[0], factors));
    out.loops.assign(loops.begin(), loops.end());
    out.loops.push_back(halves[1]);
    return out;
  }
  std::vector<Value> factors(static_cast<size_t>(parts) - 1, Value::Int(1));
  factors.push_back(extent != nullptr ? Value::Int(*extent) : Value::None());
  HONE_ASSIGN_OR_RETURN(const schedule::LoopRvs loops, sch.Split(loop, factors));
  out.loops.assign(loops.begin(), loops.end());
  return out;
}

std::string MultiLevelTilingWideVector::Signature() const {
  return StrCat(name(), "(", Arguments(), ", vector_length_in_bits=", vector_length_bits_, ")");
}

}  // namespace hone
