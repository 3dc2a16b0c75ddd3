// What rows' apply functions are written with: arguments out of a Call, results into it.
#pragma once

#include "absl/container/inlined_vector.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "common/schedule/instruction.h"
#include "common/schedule/schedule.h"

namespace hone::schedule {

inline BlockRv BlockOf(const Call& call, size_t input) { return BlockRv{call.inputs[input].rv()}; }
inline LoopRv LoopOf(const Call& call, size_t input) { return LoopRv{call.inputs[input].rv()}; }
inline BlockOrLoopRv BlockOrLoopOf(const Call& call, size_t input) { return BlockOrLoopRv(call.inputs[input].rv()); }
inline int IntOf(const Value& value) { return static_cast<int>(value.integer()); }
inline bool BoolOf(const Value& value) { return value.integer() != 0; }

inline LoopRvs LoopsOf(absl::Span<const Value> values) {
  LoopRvs out;
  for (const Value& value : values) out.push_back(LoopRv{value.rv()});
  return out;
}
inline BlockRvs BlocksOf(const Value& list) {
  BlockRvs out;
  for (const Value& value : list.list()) out.push_back(BlockRv{value.rv()});
  return out;
}
inline absl::InlinedVector<int64_t, 8> IntsOf(const Value& list) {
  absl::InlinedVector<int64_t, 8> out;
  if (!list.is(Value::Kind::kList)) return out;
  for (const Value& value : list.list()) out.push_back(value.integer());
  return out;
}

// The one result of a method.
template <typename T>
absl::Status Put(const absl::StatusOr<T>& result, Call& call) {
  if (!result.ok()) return result.status();
  call.outputs.push_back(*result);
  return absl::OkStatus();
}
// The list of results of a method.
template <typename T>
absl::Status PutAll(const absl::StatusOr<T>& result, Call& call) {
  if (!result.ok()) return result.status();
  for (const auto& rv : *result) call.outputs.push_back(rv);
  return absl::OkStatus();
}

// Random variables as plain ones, for Schedule::Record.
template <typename T>
RvList RvsOf(const T& rvs) {
  return RvList(rvs.begin(), rvs.end());
}
// Random variables as a value: a list.
template <typename T>
Value ListOfRvs(const T& rvs) {
  absl::InlinedVector<Value, 8> values;
  for (const auto& rv : rvs) values.push_back(Value::OfRv(rv));
  return Value::List(ir::MakeArray(values.data(), values.size()));
}
inline Value ListOfInts(absl::Span<const int64_t> ints) {
  absl::InlinedVector<Value, 8> values;
  for (int64_t i : ints) values.push_back(Value::Int(i));
  return Value::List(ir::MakeArray(values.data(), values.size()));
}

}  // namespace hone::schedule
