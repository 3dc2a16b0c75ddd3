#include "common/interp/compiler.h"
#include "common/interp/matrix_ops.h"
#include "common/ir/ops.h"
#include "common/support/strings.h"

namespace hone::interp {

using namespace ir;  // NOLINT: an internal file that is about these nodes.

Expr Compiler::Arg(const CallNode* call, size_t i) {
  if (i >= call->args.size()) {
    throw Stop(Stop::Kind::kInvalid,
               StrCat(InfoOf(call->op).name, " has ", call->args.size(), " arguments, expected more"));
  }
  return call->args[i];
}

DataType Compiler::Pointee(Expr pointer) {
  if (const auto* var = pointer.as<VarNode>()) return var->type->dtype;
  if (const auto* call = pointer.as<CallNode>()) {
    if (call->Is(Builtin::tvm_access_ptr)) return call->args[0].dtype();
    if (call->Is(Builtin::address_of)) return call->args[0].dtype();
  }
  return DataType::UInt(8);
}

std::string_view Compiler::ScopeOf(Expr pointer) {
  if (const auto* var = pointer.as<VarNode>()) return var->type->scope;
  if (const auto* call = pointer.as<CallNode>()) {
    if (call->Is(Builtin::tvm_access_ptr)) return ScopeOf(call->args[1]);
    if (call->Is(Builtin::address_of)) {
      if (const auto* load = call->args[0].as<BufferLoadNode>()) return load->buffer->scope();
    }
  }
  return {};
}

MatrixRole Compiler::RoleOf(Expr pointer) {
  const std::string_view scope = ScopeOf(pointer);
  if (scope == "wmma.matrix_a" || scope == "m16n8k8.matrixA") return MatrixRole::kA;
  if (scope == "wmma.matrix_b" || scope == "m16n8k8.matrixB") return MatrixRole::kB;
  return MatrixRole::kAccumulator;
}

const Evaluator* Compiler::WmmaCall(const CallNode* call) {
  if (call->Is(Builtin::tvm_mma_sync)) {
    auto* out = NewEval<MmaSyncEval>(kInt32);
    const auto operand = [&](size_t i) {
      return MmaSyncEval::Operand{Expression(Arg(call, i)), Expression(Arg(call, i + 1)),
                                  Pointee(Arg(call, i)).element()};
    };
    out->d = operand(0);
    out->a = operand(2);
    out->b = operand(4);
    out->c = operand(6);
    return out;
  }
  if (call->Is(Builtin::tvm_fill_fragment)) {
    auto* out = NewEval<FillFragmentEval>(kInt32);
    out->fragment = Expression(Arg(call, 0));
    for (int d = 0; d < 3; ++d) out->dims[d] = Expression(Arg(call, 1 + d));
    out->index = Expression(Arg(call, 4));
    out->value = Expression(Arg(call, 5));
    out->element = Pointee(call->args[0]).element();
    return out;
  }
  auto* out = NewEval<CopyFragmentEval>(kInt32);
  out->store = call->Is(Builtin::tvm_store_matrix_sync);
  out->fragment = Expression(Arg(call, 0));
  out->role = RoleOf(call->args[0]);
  for (int d = 0; d < 3; ++d) out->dims[d] = Expression(Arg(call, 1 + d));
  out->index = Expression(Arg(call, 4));
  out->pointer = Expression(Arg(call, 5));
  out->stride = Expression(Arg(call, 6));
  const auto* layout = Arg(call, 7).as<StringImmNode>();
  out->col_major = layout != nullptr && layout->value == "col_major";
  out->element = Pointee(call->args[0]).element();
  return out;
}

const Evaluator* Compiler::MmaCall(const CallNode* call) {
  if (call->Is(Builtin::mma_fill)) {
    auto* out = NewEval<MmaFillEval>(kInt32);
    out->size = Expression(Arg(call, 0));
    out->to = Expression(Arg(call, 1));
    out->offset = Expression(Arg(call, 2));
    out->element = Pointee(call->args[1]).element();
    return out;
  }
  if (call->Is(Builtin::mma_store)) {
    auto* out = NewEval<MmaStoreEval>(kInt32);
    out->to = Expression(Arg(call, 2));
    out->from = Expression(Arg(call, 3));
    out->offset = Expression(Arg(call, 4));
    out->stride = Expression(Arg(call, 5));
    out->element = Pointee(call->args[3]).element();
    return out;
  }
  if (call->Is(Builtin::ptx_ldmatrix)) {
    auto* out = NewEval<LdMatrixEval>(kInt32);
    const int64_t* trans = ConstInt(Arg(call, 0));
    const int64_t* count = ConstInt(Arg(call, 1));
    const auto* type = Arg(call, 2).as<StringImmNode>();
    if (trans == nullptr || count == nullptr || *count < 1 || *count > 4 || type == nullptr || type->value != ".b16") {
      Unimplemented("an ldmatrix of this form");
    }
    out->trans = *trans != 0;
    out->count = static_cast<int>(*count);
    out->to = Expression(Arg(call, 3));
    out->to_offset = Expression(Arg(call, 4));
    out->to_bytes = PointeeBytes(call->args[3]);
    out->logical = ScopeOf(call->args[3]).starts_with("m16n8k8.");
    out->role = RoleOf(call->args[3]);
    out->from = Expression(Arg(call, 5));
    out->from_offset = Expression(Arg(call, 6));
    out->from_bytes = PointeeBytes(call->args[5]);
    out->lane = lane_;
    return out;
  }
  auto* out = NewEval<PtxMmaEval>(kInt32);
  const auto* shape = Arg(call, 0).as<StringImmNode>();
  if (shape == nullptr || !shape->value.starts_with("m16n8k")) Unimplemented("an mma of this shape");
  out->k = 0;
  for (char c : shape->value.substr(6)) out->k = out->k * 10 + (c - '0');
  const auto operand = [&](size_t i) {
    return PtxMmaEval::Operand{Expression(Arg(call, i)), Expression(Arg(call, i + 1)), Pointee(Arg(call, i)).element(),
                               PointeeBytes(Arg(call, i))};
  };
  out->a = operand(6);
  out->b = operand(8);
  out->c = operand(10);
  const int bits = out->a.element.bits;
  if ((bits != 8 && bits != 16 && bits != 32) || out->k < 128 / bits || out->k > 256 / bits) {
    Unimplemented(StrCat("an mma of shape \"", std::string(shape->value), "\" of ", bits, "-bit elements"));
  }
  out->logical = ScopeOf(call->args[10]).starts_with("m16n8k8.");
  return out;
}

}  // namespace hone::interp
