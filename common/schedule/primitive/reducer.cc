#include "common/schedule/primitive/reducer.h"

#include <limits>

#include "common/arith/deep_equal.h"
#include "common/ir/ops.h"
#include "common/ir/visitor.h"
#include "common/support/strings.h"

namespace hone::schedule {

using ir::BinaryNode;
using ir::BufferStoreNode;
using ir::DataType;
using ir::Expr;
using ir::ExprKind;

namespace {

// The finite lowest (or greatest) value of the type.
Expr Extreme(DataType dtype, bool lowest) {
  if (dtype.is_any_float()) {
    double value = std::numeric_limits<double>::max();
    if (dtype.is_bfloat16()) {
      value = 3.38953138925153547590470800371487866880e+38;
    } else if (dtype.bits == 32) {
      value = std::numeric_limits<float>::max();
    } else if (dtype.bits == 16) {
      value = 65504.0;
    } else if (dtype.bits == 8) {
      value = 448.0;
    }
    return ir::FloatImm(dtype, lowest ? -value : value);
  }
  if (dtype.is_uint()) {
    if (lowest) return ir::IntImm(dtype, 0);
    return ir::IntImm(dtype, dtype.bits >= 64 ? -1 : static_cast<int64_t>((uint64_t{1} << dtype.bits) - 1));
  }
  const int64_t greatest = dtype.bits >= 64 ? INT64_MAX : (int64_t{1} << (dtype.bits - 1)) - 1;
  return ir::IntImm(dtype, lowest ? -greatest - 1 : greatest);
}

struct KnownReducer {
  ReducerKind kind;
  size_t buffers;
};
constexpr KnownReducer kKnown[] = {
    {ReducerKind::kAdd, 1},
    {ReducerKind::kMul, 1},
    {ReducerKind::kMin, 1},
    {ReducerKind::kMax, 1},
    {ReducerKind::kAddPair, 2},
    {ReducerKind::kArgMax, 2},
    {ReducerKind::kArgMaxTieIndex, 2},
    {ReducerKind::kArgMin, 2},
    {ReducerKind::kArgMinTieIndex, 2},
};

ReducerValues Identity(ReducerKind kind, const ReducerValues& like) {
  const DataType last = like.back().dtype();
  switch (kind) {
    case ReducerKind::kAdd:
      return {ir::ConstOf(last, 0)};
    case ReducerKind::kMul:
      return {ir::ConstOf(last, 1)};
    case ReducerKind::kMin:
      return {Extreme(last, /*lowest=*/false)};
    case ReducerKind::kMax:
      return {Extreme(last, /*lowest=*/true)};
    case ReducerKind::kAddPair:
      return {ir::ConstOf(like[0].dtype(), 0), ir::ConstOf(last, 0)};
    case ReducerKind::kArgMax:
    case ReducerKind::kArgMaxTieIndex:
      return {ir::ConstOf(like[0].dtype(), -1), Extreme(last, /*lowest=*/true)};
    case ReducerKind::kArgMin:
    case ReducerKind::kArgMinTieIndex:
      return {ir::ConstOf(like[0].dtype(), -1), Extreme(last, /*lowest=*/false)};
  }
  return {};
}

// `y` of value = kind(x, y); null when it has another form.
Expr RightOperand(Expr value, ExprKind kind, Expr x) {
  const auto* op = value.as<BinaryNode>();
  if (op == nullptr || op->kind != kind || !arith::DeepEqual(op->a, x)) return {};
  return op->b;
}

// The y of the reducer such that Combine(kind, x, y) is `values`; empty when there is none.
ReducerValues MatchRhs(ReducerKind kind, const ReducerValues& x, const ReducerValues& values) {
  auto one = [&](ExprKind op) -> ReducerValues {
    const Expr y = RightOperand(values[0], op, x[0]);
    return y ? ReducerValues{y} : ReducerValues{};
  };
  ReducerValues y;
  switch (kind) {
    case ReducerKind::kAdd:
      return one(ExprKind::kAdd);
    case ReducerKind::kMul:
      return one(ExprKind::kMul);
    case ReducerKind::kMin:
      return one(ExprKind::kMin);
    case ReducerKind::kMax:
      return one(ExprKind::kMax);
    case ReducerKind::kAddPair:
      for (size_t i = 0; i < 2; ++i) {
        y.push_back(RightOperand(values[i], ExprKind::kAdd, x[i]));
        if (!y.back()) return {};
      }
      return y;
    case ReducerKind::kArgMax:
    case ReducerKind::kArgMaxTieIndex:
    case ReducerKind::kArgMin:
    case ReducerKind::kArgMinTieIndex:
      for (size_t i = 0; i < 2; ++i) {
        const auto* select = values[i].as<ir::SelectNode>();
        if (select == nullptr || !arith::DeepEqual(select->true_value, x[i])) return {};
        y.push_back(select->false_value);
      }
      break;
  }
  const ReducerValues combined = Combine(kind, x, y);
  for (size_t i = 0; i < 2; ++i) {
    if (!arith::DeepEqual(combined[i], values[i])) return {};
  }
  return y;
}

using Stores = absl::InlinedVector<const BufferStoreNode*, 2>;

// One store, or a sequence of them; empty for anything else.
Stores StoresOf(ir::Stmt stmt) {
  if (const auto* store = stmt.as<BufferStoreNode>()) return {store};
  Stores out;
  if (const auto* seq = stmt.as<ir::SeqNode>()) {
    for (ir::Stmt entry : seq->seq) {
      const auto* store = entry.as<BufferStoreNode>();
      if (store == nullptr) return {};
      out.push_back(store);
    }
  }
  return out;
}

bool SameIndices(ir::Array<Expr> a, ir::Array<Expr> b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (!arith::DeepEqual(a[i], b[i])) return false;
  }
  return true;
}

bool SameShape(ir::Buffer a, ir::Buffer b) { return SameIndices(a->shape, b->shape); }

// The stores of the update and the values they store, lets resolved.
std::string_view ReadUpdate(ir::Stmt update, Stores* stores, ReducerValues* values) {
  if (const auto* store = update.as<BufferStoreNode>()) {
    stores->push_back(store);
    values->push_back(store->value);
    return {};
  }
  absl::InlinedVector<const ir::LetStmtNode*, 2> lets;
  while (const auto* let = update.as<ir::LetStmtNode>()) {
    lets.push_back(let);
    update = let->body;
  }
  if (lets.empty()) return "condition 3: the update is neither one store nor lets around stores";
  if (update.as<ir::SeqNode>() == nullptr) return "condition 4: the lets of the update do not end in a sequence";
  *stores = StoresOf(update);
  if (stores->empty()) return "condition 5: the update stores something else than buffer elements";
  if (stores->size() != lets.size()) return "condition 6: the update has another number of stores than of lets";
  for (const BufferStoreNode* store : *stores) {
    Expr value;
    for (const ir::LetStmtNode* let : lets) {
      if (store->value == let->var) value = let->value;
    }
    if (!value) return "condition 7: a store of the update does not store a let variable";
    for (const Expr& earlier : *values) {
      if (earlier == value) return "condition 8: a let variable of the update is stored twice";
    }
    values->push_back(value);
  }
  return {};
}

}  // namespace

ReducerValues Combine(ReducerKind kind, const ReducerValues& x, const ReducerValues& y) {
  auto binary = [&](ExprKind op, size_t i) { return ir::MakeBinary(op, x[i], y[i]); };
  auto select = [&](Expr by_index, Expr by_value) -> ReducerValues {
    return {ir::MakeSelect(by_index, x[0], y[0]), ir::MakeSelect(by_value, x[1], y[1])};
  };
  auto tie = [&](ExprKind better) {
    const Expr equal = ir::MakeBinary(ExprKind::kAnd, binary(ExprKind::kEQ, 1), binary(ExprKind::kLT, 0));
    return select(ir::MakeBinary(ExprKind::kOr, binary(better, 1), equal), binary(better, 1));
  };
  switch (kind) {
    case ReducerKind::kAdd:
      return {binary(ExprKind::kAdd, 0)};
    case ReducerKind::kMul:
      return {binary(ExprKind::kMul, 0)};
    case ReducerKind::kMin:
      return {binary(ExprKind::kMin, 0)};
    case ReducerKind::kMax:
      return {binary(ExprKind::kMax, 0)};
    case ReducerKind::kAddPair:
      return {binary(ExprKind::kAdd, 0), binary(ExprKind::kAdd, 1)};
    case ReducerKind::kArgMax:
      return select(binary(ExprKind::kGE, 1), binary(ExprKind::kGE, 1));
    case ReducerKind::kArgMin:
      return select(binary(ExprKind::kLE, 1), binary(ExprKind::kLE, 1));
    case ReducerKind::kArgMaxTieIndex:
      return tie(ExprKind::kGT);
    case ReducerKind::kArgMinTieIndex:
      return tie(ExprKind::kLT);
  }
  return {};
}

std::string_view MatchReduction(ir::Stmt init, ir::Stmt update, Reduction* out) {
  const Stores inits = StoresOf(init);
  if (inits.empty()) return "condition 1: the init is neither a store nor a sequence of stores";
  for (size_t i = 0; i < inits.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      if (inits[i]->buffer == inits[j]->buffer) return "condition 2: the init stores to one buffer twice";
    }
  }
  Stores stores;
  ReducerValues values;
  if (const std::string_view error = ReadUpdate(update, &stores, &values); !error.empty()) return error;
  if (stores.size() != inits.size()) return "condition 9: init and update have different numbers of stores";
  ReducerValues identity;
  out->indices = stores[0]->indices;
  for (const BufferStoreNode* store : stores) {
    const BufferStoreNode* own = nullptr;
    for (const BufferStoreNode* candidate : inits) {
      if (candidate->buffer == store->buffer) own = candidate;
    }
    if (own == nullptr) return "condition 10: init and update store to different buffers";
    if (!SameShape(store->buffer, stores[0]->buffer)) return "condition 11: the buffers have different shapes";
    if (!SameIndices(store->indices, out->indices) || !SameIndices(own->indices, out->indices)) {
      return "condition 11: the stores have different indices";
    }
    out->buffers.push_back(store->buffer);
    identity.push_back(own->value);
    out->lhs.push_back(ir::MakeBufferLoad(store->buffer, store->indices));
  }
  for (const KnownReducer& known : kKnown) {
    if (known.buffers != stores.size()) continue;
    const ReducerValues expected = Identity(known.kind, out->lhs);
    bool same = true;
    for (size_t i = 0; i < expected.size(); ++i) same &= arith::DeepEqual(expected[i], identity[i]);
    if (!same) continue;
    ReducerValues rhs = MatchRhs(known.kind, out->lhs, values);
    if (rhs.empty()) continue;
    out->kind = known.kind;
    out->identity = identity;
    out->rhs = std::move(rhs);
    return {};
  }
  return "condition 12: init and update match no known commutative reducer";
}

ir::Stmt StoreAll(const absl::InlinedVector<ir::Buffer, 2>& buffers, const ReducerValues& values,
                  ir::Array<Expr> indices) {
  if (buffers.size() == 1) return ir::MakeBufferStore(buffers[0], values[0], indices);
  std::vector<ir::Stmt> stores;
  absl::InlinedVector<ir::Var, 2> vars;
  for (size_t i = 0; i < buffers.size(); ++i) {
    vars.push_back(ir::MakeVar(StrCat("v_", buffers[i]->name), values[i].dtype()));
    stores.push_back(ir::MakeBufferStore(buffers[i], vars[i], indices));
  }
  ir::Stmt body = ir::MakeSeq(stores);
  for (size_t i = buffers.size(); i-- > 0;) body = ir::MakeLetStmt(vars[i], values[i], body);
  return body;
}

}  // namespace hone::schedule
