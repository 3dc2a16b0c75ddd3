// Vectors and memory of a kernel.
#include "common/support/strings.h"
#include "worker/codegen/cuda/kernel_emitter.h"

namespace hone::codegen {

using ir::Builtin;
using ir::DataType;
using ir::Expr;
using ir::ExprKind;

namespace {

constexpr int kSumPrecedence = 11;

// As vec_alignment of the prelude.
int VecAlignment(int bytes) {
  for (int alignment : {16, 8, 4, 2}) {
    if (bytes % alignment == 0) return alignment;
  }
  return 1;
}

// The first index of lanes that lie side by side; null when they do not.
Expr ContiguousBase(Expr index) {
  const auto* ramp = index.as<ir::RampNode>();
  return ramp != nullptr && ir::IsOne(ramp->stride) ? ramp->base : Expr();
}

bool IsPlain(Expr e) {
  return e.kind() == ExprKind::kVar || e.kind() == ExprKind::kIntImm || e.kind() == ExprKind::kFloatImm;
}

}  // namespace

std::string KernelEmitter::PointerTo(ir::Buffer buffer) {
  const auto it = pointers_.find(buffer->data.get());
  if (it == pointers_.end()) {
    Fail(absl::InternalError(StrCat("buffer \"", buffer->name, "\" is used in a kernel and not allocated there")));
    return "0";
  }
  if (fragments_.contains(buffer->data.get())) {
    FailUnimplemented(StrCat("an element of the matrix fragment \"", buffer->name, "\""));
    return "0";
  }
  const Pointer& pointer = it->second;
  if (pointer.dtype == buffer->dtype) return pointer.name;
  return StrCat("((", TypeName(buffer->dtype), "*)", pointer.name, ")");
}

std::string KernelEmitter::Element(ir::Buffer buffer, const std::string& index) {
  return StrCat(PointerTo(buffer), "[", index, "]");
}

std::string KernelEmitter::Address(ir::Buffer buffer, Expr index) {
  if (ir::IsZero(index)) return PointerTo(buffer);
  return StrCat(PointerTo(buffer), " + ", Scalar(index, kSumPrecedence + 1));
}

std::string KernelEmitter::PointerExpr(Expr pointer) {
  if (const auto* var = pointer.as<ir::VarNode>()) return Scalar(Expr(var));
  const auto* call = pointer.as<ir::CallNode>();
  if (call != nullptr && call->Is(Builtin::address_of)) {
    const auto* load = call->args[0].as<ir::BufferLoadNode>();
    if (load != nullptr && load->indices.size() == 1) {
      const Expr base = load->indices[0].dtype().is_scalar() ? load->indices[0] : ContiguousBase(load->indices[0]);
      if (base) return StrCat("(", Address(ir::Buffer(load->buffer), base), ")");
    }
  } else if (call != nullptr && call->Is(Builtin::tvm_access_ptr) && call->args.size() >= 3) {
    const auto* data = call->args[1].as<ir::VarNode>();
    const DataType element = call->args[0].dtype().element();
    const auto it = data != nullptr ? pointers_.find(data) : pointers_.end();
    if (it != pointers_.end()) {
      std::string text =
          it->second.dtype == element ? it->second.name : StrCat("((", TypeName(element), "*)", it->second.name, ")");
      if (ir::IsZero(call->args[2])) return text;
      return StrCat("(", text, " + ", Scalar(call->args[2], kSumPrecedence + 1), ")");
    }
  }
  FailUnimplemented("the address of something that is no element of a buffer");
  return "0";
}

std::string KernelEmitter::ScopeOf(Expr pointer) {
  const ir::VarNode* data = pointer.as<ir::VarNode>();
  if (const auto* call = pointer.as<ir::CallNode>()) {
    if (call->Is(Builtin::tvm_access_ptr) && call->args.size() > 1) data = call->args[1].as<ir::VarNode>();
    if (call->Is(Builtin::address_of)) {
      if (const auto* load = call->args[0].as<ir::BufferLoadNode>()) data = load->buffer->data.get();
    }
  }
  const auto it = data != nullptr ? pointers_.find(data) : pointers_.end();
  if (it != pointers_.end()) return it->second.scope;
  if (data == nullptr || data->type->kind != ir::TypeKind::kPointer || data->type->scope.empty()) return "global";
  return std::string(data->type->scope);
}

int KernelEmitter::AccessLanes(Expr base, DataType element, int lanes) {
  const arith::ModularSet set = analyzer_.modular_set(base);
  const int bytes = element.bytes();
  for (int n = lanes; n > 1; n = n % 2 == 0 ? n / 2 : 1) {
    const int needed = VecAlignment(n * bytes) / bytes;
    if (needed <= 1 && n * bytes > VecAlignment(n * bytes)) continue;  // Would be moved piece by piece anyway.
    if (needed <= 1 || (set.coeff % needed == 0 && set.base % needed == 0)) return n;
  }
  return 1;
}

std::string KernelEmitter::Vector(Expr e) {
  if (!status_.ok()) return "0";
  if (const auto* var = e.as<ir::VarNode>()) return Scalar(Expr(var));
  if (auto it = prepared_.find(e.get()); it != prepared_.end()) return it->second;
  const std::string type = TypeName(e.dtype());
  const std::string name = NewName("v");
  Line(StrCat(type, " ", name, ";"));
  VectorInto(name, e);
  return name;
}

void KernelEmitter::LoadVectorInto(const std::string& name, const ir::BufferLoadNode* load) {
  const ir::Buffer buffer(load->buffer);
  const int lanes = load->dtype.lanes;
  if (load->indices.size() != 1 || buffer->dtype.lanes != 1) {
    return FailUnimplemented(StrCat("vector access of \"", buffer->name, "\" that is not flat"));
  }
  const Expr base = ContiguousBase(load->indices[0]);
  if (base && !load->predicate) {
    const int part = AccessLanes(base, buffer->dtype, lanes);
    const std::string type = TypeName(buffer->dtype.with_lanes(part));
    if (part == lanes) return Line(StrCat(name, " = *(const ", type, "*)(", Address(buffer, base), ");"));
    for (int first = 0; part > 1 && first < lanes; first += part) {
      const std::string piece = NewName("part");
      Line(StrCat("const ", type, " ", piece, " = *(const ", type, "*)(", Address(buffer, base), " + ", first, ");"));
      for (int i = 0; i < part; ++i) Line(StrCat(name, "[", first + i, "] = ", piece, "[", i, "];"));
    }
    if (part > 1) return;
  }
  Prepare(load->indices[0]);
  if (load->predicate) Prepare(load->predicate);
  for (int i = 0; i < lanes; ++i) {
    std::string value = Element(buffer, Lane(load->indices[0], i));
    if (load->predicate) {
      value = StrCat(Lane(load->predicate, i), " ? ", value, " : ", TypeName(buffer->dtype), "(0)");
    }
    Line(StrCat(name, "[", i, "] = ", value, ";"));
  }
}

void KernelEmitter::VectorInto(const std::string& name, Expr e) {
  if (!status_.ok()) return;
  const int lanes = e.dtype().lanes;
  if (lanes < 1) return FailUnimplemented("a vector without a fixed number of lanes");
  if (const auto* load = e.as<ir::BufferLoadNode>()) return LoadVectorInto(name, load);
  if (const auto* let = e.as<ir::LetNode>()) {
    names_[let->var.get()] = let->var->dtype.is_vector() ? Vector(let->value) : StrCat("(", Scalar(let->value), ")");
    return VectorInto(name, let->body);
  }
  const auto* call = e.as<ir::CallNode>();
  if (call != nullptr && call->Is(Builtin::if_then_else) && call->args[0].dtype().is_scalar()) {
    const auto saved = prepared_;
    Line(StrCat("if (", Scalar(call->args[0]), ") {"));
    ++indent_;
    {
      const arith::ConstraintScope scope = analyzer_.EnterConstraint(call->args[0]);
      VectorInto(name, call->args[1]);
    }
    --indent_;
    Line("} else {");
    ++indent_;
    prepared_ = saved;
    VectorInto(name, call->args[2]);
    --indent_;
    Line("}");
    prepared_ = saved;
    return;
  }
  if (call != nullptr && call->Is(Builtin::reinterpret)) {
    prelude_.Use("bitcast");
    const Expr from = call->args[0];
    return Line(StrCat(name, " = bitcast<", TypeName(e.dtype()), ">(",
                       from.dtype().is_vector() ? Vector(from) : Scalar(from), ");"));
  }
  Prepare(e);
  for (int i = 0; i < lanes; ++i) Line(StrCat(name, "[", i, "] = ", Lane(e, i), ";"));
}

void KernelEmitter::Prepare(Expr e) {
  if (!status_.ok() || e.dtype().is_scalar() || prepared_.contains(e.get())) return;
  switch (e.kind()) {
    case ExprKind::kBroadcast: {
      const Expr value = e.as<ir::BroadcastNode>()->value;
      if (IsPlain(value)) return;
      const std::string name = NewName("scalar");
      Line(StrCat("const ", TypeName(value.dtype()), " ", name, " = ", Scalar(value), ";"));
      prepared_[e.get()] = name;
      return;
    }
    case ExprKind::kBufferLoad:
    case ExprKind::kLet: {
      const std::string name = Vector(e);
      prepared_[e.get()] = name;
      return;
    }
    case ExprKind::kCall: {
      const auto* call = e.as<ir::CallNode>();
      if (call->Is(Builtin::reinterpret) || (call->Is(Builtin::if_then_else) && call->args[0].dtype().is_scalar())) {
        const std::string name = Vector(e);
        prepared_[e.get()] = name;
        return;
      }
      for (Expr arg : call->args) Prepare(arg);
      return;
    }
    case ExprKind::kCast:
      return Prepare(e.as<ir::CastNode>()->value);
    case ExprKind::kNot:
      return Prepare(e.as<ir::NotNode>()->a);
    case ExprKind::kSelect: {
      const auto* select = e.as<ir::SelectNode>();
      Prepare(select->condition);
      Prepare(select->true_value);
      return Prepare(select->false_value);
    }
    case ExprKind::kShuffle:
      for (Expr vector : e.as<ir::ShuffleNode>()->vectors) Prepare(vector);
      return;
    default:
      if (ir::BinaryNode::Is(e.kind())) {
        const auto* node = e.as<ir::BinaryNode>();
        Prepare(node->a);
        Prepare(node->b);
      }
      return;
  }
}

std::string KernelEmitter::Lane(Expr e, int lane) {
  if (!status_.ok()) return "0";
  if (e.dtype().is_scalar()) return StrCat("(", Scalar(e), ")");
  if (auto it = prepared_.find(e.get()); it != prepared_.end()) {
    return e.kind() == ExprKind::kBroadcast ? it->second : StrCat(it->second, "[", lane, "]");
  }
  switch (e.kind()) {
    case ExprKind::kVar:
      return StrCat(Scalar(e), "[", lane, "]");
    case ExprKind::kBroadcast:
      return Scalar(e.as<ir::BroadcastNode>()->value, 13);
    case ExprKind::kRamp: {
      const auto* ramp = e.as<ir::RampNode>();
      const std::string base = Scalar(ramp->base, kSumPrecedence);
      if (lane == 0) return StrCat("(", base, ")");
      if (ir::IsOne(ramp->stride)) return StrCat("(", base, " + ", lane, ")");
      return StrCat("(", base, " + ", lane, " * ", Scalar(ramp->stride, 13), ")");
    }
    case ExprKind::kCast: {
      const Expr value = e.as<ir::CastNode>()->value;
      return CastTo(e.dtype().element(), value.dtype().element(), Lane(value, lane));
    }
    case ExprKind::kNot:
      return StrCat("!", Lane(e.as<ir::NotNode>()->a, lane));
    case ExprKind::kSelect: {
      const auto* select = e.as<ir::SelectNode>();
      return StrCat("(", Lane(select->condition, lane), " ? ", Lane(select->true_value, lane), " : ",
                    Lane(select->false_value, lane), ")");
    }
    case ExprKind::kShuffle: {
      const auto* shuffle = e.as<ir::ShuffleNode>();
      const int64_t* at = ir::ConstInt(shuffle->indices[static_cast<size_t>(lane)]);
      if (at == nullptr) break;
      int64_t position = *at;
      for (Expr vector : shuffle->vectors) {
        if (position < vector.dtype().lanes) return Lane(vector, static_cast<int>(position));
        position -= vector.dtype().lanes;
      }
      break;
    }
    case ExprKind::kCall: {
      const auto* call = e.as<ir::CallNode>();
      if (call->function != nullptr) break;
      std::vector<std::string> args;
      for (Expr arg : call->args) args.push_back(Lane(arg, lane));
      switch (call->op) {
        case Builtin::if_then_else:
          return StrCat("(", args[0], " ? ", args[1], " : ", args[2], ")");
        case Builtin::likely:
          return args[0];
        case Builtin::bitwise_and:
          return StrCat("(", args[0], " & ", args[1], ")");
        case Builtin::bitwise_or:
          return StrCat("(", args[0], " | ", args[1], ")");
        case Builtin::bitwise_xor:
          return StrCat("(", args[0], " ^ ", args[1], ")");
        case Builtin::shift_left:
          return StrCat("(", args[0], " << ", args[1], ")");
        case Builtin::shift_right:
          return StrCat("(", args[0], " >> ", args[1], ")");
        default:
          return MathOf(call->op, e.dtype().element(), args);
      }
    }
    default:
      if (ir::BinaryNode::Is(e.kind())) {
        const auto* node = e.as<ir::BinaryNode>();
        return Combine(node->kind, node->a.dtype().element(), Lane(node->a, lane), Lane(node->b, lane));
      }
      break;
  }
  FailUnimplemented("a vector expression that no kernel can have");
  return "0";
}

void KernelEmitter::StoreVector(const ir::BufferStoreNode* store) {
  const ir::Buffer buffer = store->buffer;
  const int lanes = store->value.dtype().lanes;
  const Expr base = ContiguousBase(store->indices[0]);
  const int part = base && !store->predicate ? AccessLanes(base, buffer->dtype, lanes) : 1;
  const auto* load = store->value.as<ir::BufferLoadNode>();
  if (part == lanes && load != nullptr && !load->predicate && load->indices.size() == 1) {
    const Expr from = ContiguousBase(load->indices[0]);
    if (from && AccessLanes(from, buffer->dtype, lanes) == lanes && load->buffer->dtype == buffer->dtype) {
      const std::string type = TypeName(buffer->dtype.with_lanes(lanes));
      return Line(StrCat("*(", type, "*)(", Address(buffer, base), ") = *(const ", type, "*)(",
                         Address(ir::Buffer(load->buffer), from), ");"));
    }
  }
  const std::string value = Vector(store->value);
  if (part > 1) {
    const std::string type = TypeName(buffer->dtype.with_lanes(part));
    if (part == lanes) return Line(StrCat("*(", type, "*)(", Address(buffer, base), ") = ", value, ";"));
    for (int first = 0; first < lanes; first += part) {
      std::string piece;
      for (int i = 0; i < part; ++i) StrAppend(&piece, i > 0 ? ", " : "", value, "[", first + i, "]");
      Line(StrCat("*(", type, "*)(", Address(buffer, base), " + ", first, ") = ", type, "{{", piece, "}};"));
    }
    return;
  }
  Prepare(store->indices[0]);
  if (store->predicate) Prepare(store->predicate);
  for (int i = 0; i < lanes; ++i) {
    const std::string guard = store->predicate ? StrCat("if (", Lane(store->predicate, i), ") ") : "";
    Line(StrCat(guard, Element(buffer, Lane(store->indices[0], i)), " = ", value, "[", i, "];"));
  }
}

// A copy from global to shared memory inside of an asynchronous scope. False when it is none that the copy engine of
// the multiprocessor can do; then it is an ordinary copy, which is right as well.
bool KernelEmitter::EmitAsyncCopy(const ir::BufferStoreNode* store) {
  if (async_ == 0 || sm_ < 80 || !lower::IsSharedScope(store->buffer->scope()) || store->predicate) return false;
  Expr value = store->value;
  Expr condition;
  if (const auto* call = value.as<ir::CallNode>(); call != nullptr && call->Is(Builtin::if_then_else)) {
    Expr other = call->args[2];
    if (const auto* broadcast = other.as<ir::BroadcastNode>()) other = broadcast->value;
    const auto* zero = other.as<ir::FloatImmNode>();
    if (call->args[0].dtype().lanes != 1 || !(ir::IsZero(other) || (zero != nullptr && zero->value == 0))) return false;
    condition = call->args[0];
    value = call->args[1];
  }
  const auto* load = value.as<ir::BufferLoadNode>();
  if (load == nullptr || load->buffer->scope() != "global" || load->buffer->dtype != store->buffer->dtype ||
      load->indices.size() != 1 || load->predicate) {
    return false;
  }
  const int lanes = load->dtype.lanes;
  const int bytes = lanes * store->buffer->dtype.bytes();
  if (bytes != 4 && bytes != 8 && bytes != 16) return false;
  const Expr to = lanes == 1 ? store->indices[0] : ContiguousBase(store->indices[0]);
  const Expr from = lanes == 1 ? load->indices[0] : ContiguousBase(load->indices[0]);
  if (!to || !from) return false;
  if (lanes > 1 && (AccessLanes(to, store->buffer->dtype, lanes) != lanes ||
                    AccessLanes(from, store->buffer->dtype, lanes) != lanes)) {
    return false;
  }
  const std::string helper = StrCat("cp_async_", bytes);
  prelude_.Use(helper);
  // The address of what is not wanted may lie anywhere: it is replaced by the buffer's first.
  std::string source = Address(ir::Buffer(load->buffer), from);
  if (condition) {
    const std::string wanted = Scalar(condition, 2);
    source = StrCat(wanted, " ? ", source, " : ", PointerTo(ir::Buffer(load->buffer)));
    Line(StrCat(helper, "(", Address(store->buffer, to), ", ", source, ", ", wanted, ");"));
  } else {
    Line(StrCat(helper, "(", Address(store->buffer, to), ", ", source, ");"));
  }
  return true;
}

void KernelEmitter::EmitStore(const ir::BufferStoreNode* store) {
  prepared_.clear();
  if (store->indices.size() != 1 || store->buffer->dtype.lanes != 1) {
    return FailUnimplemented(StrCat("access of \"", store->buffer->name, "\" that is not flat"));
  }
  if (EmitAsyncCopy(store)) return;
  if (store->value.dtype().is_vector() || store->indices[0].dtype().is_vector()) return StoreVector(store);
  const std::string guard = store->predicate ? StrCat("if (", Scalar(store->predicate), ") ") : "";
  Line(StrCat(guard, Element(store->buffer, Scalar(store->indices[0])), " = ", Scalar(store->value), ";"));
}

}  // namespace hone::codegen
