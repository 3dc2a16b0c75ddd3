#include <algorithm>
#include <numeric>

#include "common/ir/ops.h"
#include "common/support/check.h"
#include "common/support/strings.h"
#include "llvm/IR/Constants.h"
#include "worker/codegen/llvm/function_emitter.h"

namespace hone::codegen {

using lower::Bounds;
using lower::Linear;
using lower::LinearContext;

namespace {

// A cache key: a tag, then the terms (and the constant where it counts).
std::vector<int64_t> Key(std::initializer_list<int64_t> head, const Linear& linear) {
  std::vector<int64_t> key(head);
  key.reserve(key.size() + 2 * linear.terms.size());
  for (const auto& term : linear.terms) {
    key.push_back(term.atom);
    key.push_back(term.coef);
  }
  return key;
}

// Whether the value can be computed in i64 from variables alone, where wrapping cannot show.
bool IsPureIndex(ir::Expr e) {
  switch (e.kind()) {
    case ir::ExprKind::kVar:
    case ir::ExprKind::kIntImm:
      return e.dtype().is_index();
    case ir::ExprKind::kCast:
      return e.dtype().is_index() && IsPureIndex(e.as<ir::CastNode>()->value) &&
             e.dtype().bits >= e.as<ir::CastNode>()->value.dtype().bits;
    case ir::ExprKind::kAdd:
    case ir::ExprKind::kSub:
    case ir::ExprKind::kMul:
    case ir::ExprKind::kFloorDiv:
    case ir::ExprKind::kFloorMod:
    case ir::ExprKind::kMin:
    case ir::ExprKind::kMax:
      return e.dtype().is_index() && IsPureIndex(e.as<ir::BinaryNode>()->a) && IsPureIndex(e.as<ir::BinaryNode>()->b);
    default:
      return false;
  }
}

}  // namespace

bool FunctionEmitter::IsIndexArithmetic(ir::Expr e) { return IsPureIndex(e); }

FunctionEmitter::Memory* FunctionEmitter::MemoryOf(ir::Var data) {
  auto it = memory_.find(data.get());
  if (it == memory_.end()) {
    state_.Fail(StrCat("buffer \"", data.name(), "\" is used where it is not allocated"));
    return nullptr;
  }
  return &it->second;
}

llvm::Value* FunctionEmitter::PointerOf(ir::Var data) {
  Memory* memory = MemoryOf(data);
  if (memory == nullptr || memory->pointer == nullptr) return llvm::PoisonValue::get(builder_.getPtrTy());
  return memory->pointer;
}

// ---- indices

llvm::Value* FunctionEmitter::EmitIndex(ir::Expr e) { return EmitLinear(context_.Of(e)); }

llvm::Value* FunctionEmitter::EmitLinear(const Linear& linear) {
  if (linear.is_const()) return builder_.getInt64(linear.constant);
  Value* terms = EmitTerms(nullptr, linear, 1);
  if (linear.constant == 0) return terms;
  return AtLevel(LevelOf(linear), [&] { return builder_.CreateAdd(terms, builder_.getInt64(linear.constant)); });
}

int FunctionEmitter::LevelOfAtom(int id) {
  const LinearContext::Atom& atom = context_.atom(id);
  switch (atom.kind) {
    case LinearContext::AtomKind::kVar: {
      auto it = vars_.find(atom.expr.as<ir::VarNode>());
      return it != vars_.end() ? it->second.level : 0;
    }
    case LinearContext::AtomKind::kOpaque:
      return Level();
    default:
      return std::max(LevelOf(atom.a), LevelOf(atom.b));
  }
}

int FunctionEmitter::LevelOf(const Linear& linear) {
  int level = 0;
  for (const auto& term : linear.terms) level = std::max(level, LevelOfAtom(term.atom));
  return level;
}

llvm::Value* FunctionEmitter::EmitAtom(int id) {
  const LinearContext::Atom atom = context_.atom(id);
  switch (atom.kind) {
    case LinearContext::AtomKind::kVar: {
      const auto* var = atom.expr.as<ir::VarNode>();
      auto it = vars_.find(var);
      if (it == vars_.end()) {
        state_.Fail(StrCat("variable \"", var->name, "\" is used where it is not defined"));
        return builder_.getInt64(0);
      }
      return it->second.value;
    }
    case LinearContext::AtomKind::kOpaque: {
      // Index arithmetic that is not linear, as n * m of symbolic shapes.
      if (const auto* binary = atom.expr.as<ir::BinaryNode>(); binary != nullptr && IsPureIndex(atom.expr)) {
        Value* a = EmitIndex(binary->a);
        return EmitArithmetic(binary->kind, ir::kInt64, a, EmitIndex(binary->b), /*non_negative=*/false);
      }
      Value* value = EmitExpr(atom.expr);
      if (value->getType()->isIntegerTy(64)) return value;
      return atom.expr.dtype().is_uint() ? builder_.CreateZExt(value, builder_.getInt64Ty())
                                         : builder_.CreateSExt(value, builder_.getInt64Ty());
    }
    default:
      break;
  }
  Linear self;
  self.terms.push_back({id, 1});
  const int level = LevelOf(self);
  Scope& home = HomeOf(level);
  const auto key = Key({-1, id}, {});
  if (auto it = home.values.find(key); it != home.values.end()) return it->second;
  Value* a = EmitLinear(atom.a);
  Value* b = EmitLinear(atom.b);
  const Bounds bounds = context_.BoundsOf(atom.a);
  Value* out = AtLevel(level, [&]() -> Value* {
    using Kind = LinearContext::AtomKind;
    if (atom.kind == Kind::kMin) return builder_.CreateBinaryIntrinsic(llvm::Intrinsic::smin, a, b);
    if (atom.kind == Kind::kMax) return builder_.CreateBinaryIntrinsic(llvm::Intrinsic::smax, a, b);
    const bool is_div = atom.kind == Kind::kDiv;
    const int64_t divisor = atom.divisor;
    if ((divisor & (divisor - 1)) == 0) {
      return is_div ? builder_.CreateAShr(a, builder_.getInt64(__builtin_ctzll(divisor)))
                    : builder_.CreateAnd(a, builder_.getInt64(divisor - 1));
    }
    if (bounds.lo >= 0 && bounds.hi < (int64_t{1} << 31) && divisor < (int64_t{1} << 31)) {
      // Narrow division is several times faster.
      Value* narrow = builder_.CreateTrunc(a, builder_.getInt32Ty());
      Value* number = builder_.getInt32(static_cast<uint32_t>(divisor));
      Value* result = is_div ? builder_.CreateUDiv(narrow, number) : builder_.CreateURem(narrow, number);
      return builder_.CreateZExt(result, builder_.getInt64Ty());
    }
    return EmitArithmetic(is_div ? ir::ExprKind::kFloorDiv : ir::ExprKind::kFloorMod, ir::kInt64, a,
                          builder_.getInt64(divisor), bounds.lo >= 0);
  });
  home.values.emplace(key, out);
  return out;
}

llvm::Value* FunctionEmitter::EmitTerms(Value* base, const Linear& linear, int64_t scale) {
  if (linear.terms.empty()) return base != nullptr ? base : builder_.getInt64(0);
  // The terms of the deepest level go on top of the others.
  int deepest = 0;
  for (const auto& term : linear.terms) deepest = std::max(deepest, LevelOfAtom(term.atom));
  Linear outer, inner;
  for (const auto& term : linear.terms) {
    (LevelOfAtom(term.atom) == deepest ? inner : outer).terms.push_back(term);
  }
  // Opaque values may change within one level: they are not remembered.
  bool opaque = false;
  for (const auto& term : inner.terms) {
    Linear single;
    single.terms.push_back(term);
    opaque |= HasOpaque(single);
  }
  Scope& home = HomeOf(deepest);
  const auto key = Key({reinterpret_cast<int64_t>(base), scale}, linear);
  if (!opaque) {
    if (auto it = home.values.find(key); it != home.values.end()) return it->second;
  }
  Value* prefix = outer.terms.empty() ? base : EmitTerms(base, outer, scale);
  std::vector<Value*> atoms;
  for (const auto& term : inner.terms) atoms.push_back(EmitAtom(term.atom));
  Value* out = AtLevel(deepest, [&]() -> Value* {
    Value* sum = nullptr;
    for (size_t i = 0; i < atoms.size(); ++i) {
      const int64_t factor = inner.terms[i].coef * scale;
      Value* product =
          factor == 1 ? atoms[i] : builder_.CreateMul(atoms[i], builder_.getInt64(factor), "", false, true);
      sum = sum == nullptr ? product : builder_.CreateAdd(sum, product, "", false, true);
    }
    if (prefix == nullptr) return sum;
    if (base == nullptr) return builder_.CreateAdd(prefix, sum, "", false, true);
    return builder_.CreatePtrAdd(prefix, sum);
  });
  if (!opaque) home.values.emplace(key, out);
  return out;
}

bool FunctionEmitter::HasOpaque(const Linear& linear) const {
  for (const auto& term : linear.terms) {
    const LinearContext::Atom& atom = context_.atom(term.atom);
    if (atom.kind == LinearContext::AtomKind::kOpaque || HasOpaque(atom.a) || HasOpaque(atom.b)) return true;
  }
  return false;
}

// ---- accesses

llvm::Value* FunctionEmitter::EmitAddress(ir::Buffer buffer, const Linear& index) {
  const int64_t bytes = buffer->dtype.bytes();
  Value* pointer = EmitTerms(PointerOf(buffer->data), index, bytes);
  if (index.constant == 0) return pointer;
  return builder_.CreatePtrAdd(pointer, builder_.getInt64(index.constant * bytes));
}

llvm::Align FunctionEmitter::AlignOf(ir::Buffer buffer, const Linear& index) {
  const Memory* memory = MemoryOf(buffer->data);
  int64_t alignment = memory != nullptr ? memory->alignment : 1;
  const int64_t bytes = buffer->dtype.bytes();
  int64_t step = std::gcd(alignment, index.constant * bytes);
  for (const auto& term : index.terms) step = std::gcd(step, term.coef * bytes);
  return llvm::Align(static_cast<uint64_t>(step & -step));
}

llvm::Instruction* FunctionEmitter::Tag(llvm::Instruction* access, ir::Buffer buffer) {
  auto it = state_.alias.find(buffer->data.get());
  if (it == state_.alias.end()) return access;
  access->setMetadata(llvm::LLVMContext::MD_alias_scope, it->second.own);
  access->setMetadata(llvm::LLVMContext::MD_noalias, it->second.others);
  return access;
}

llvm::AllocaInst* FunctionEmitter::CellOf(const Memory& memory, ir::Array<ir::Expr> indices) {
  const auto* ramp = indices[0].as<ir::RampNode>();
  const int64_t at = *ir::ConstInt(ramp != nullptr ? ramp->base : indices[0]);
  for (const auto& [place, cell] : memory.cells) {
    if (place == at) return cell;
  }
  HONE_CHECK(false) << "no cell for a literal place";
  return nullptr;
}

llvm::Value* FunctionEmitter::EmitLoad(const ir::BufferLoadNode* node) {
  Memory* memory = MemoryOf(node->buffer->data);
  if (memory == nullptr || node->indices.size() != 1) {
    if (node->indices.size() != 1) {
      state_.Fail(StrCat("buffer \"", node->buffer->name, "\" is not flattened to one dimension"));
    }
    return Poison(node->dtype);
  }
  llvm::Type* type = TypeOf(node->dtype);
  if (memory->in_cells) {
    llvm::AllocaInst* cell = CellOf(*memory, node->indices);
    return builder_.CreateLoad(cell->getAllocatedType(), cell);
  }
  const ir::Expr index = node->indices[0];
  if (!index.dtype().is_scalar()) {
    Value* mask = node->predicate ? EmitExpr(node->predicate) : nullptr;
    return EmitVectorLoad(node, mask);
  }
  const Linear place = context_.Of(index);
  const auto key = Key({memory->id, place.constant, 1}, place);
  auto& loads = scopes_.back().loads;
  const bool remember = !HasOpaque(place);
  if (remember) {
    if (auto it = loads.find(key); it != loads.end() && it->second.version == memory->version) return it->second.value;
  }
  Value* out = Tag(builder_.CreateAlignedLoad(type, EmitAddress(node->buffer, place), AlignOf(node->buffer, place)),
                   node->buffer);
  if (remember) loads[key] = {out, memory->version};
  return out;
}

llvm::Value* FunctionEmitter::EmitVectorLoad(const ir::BufferLoadNode* node, Value* mask) {
  Memory* memory = MemoryOf(node->buffer->data);
  auto* type = llvm::cast<llvm::FixedVectorType>(TypeOf(node->dtype));
  const ir::Expr index = node->indices[0];
  const int lanes = index.dtype().lanes;
  if (node->buffer->dtype.lanes != 1) {
    state_.Fail(StrCat("a vector of places in buffer \"", node->buffer->name, "\", whose elements are vectors"));
    return Poison(node->dtype);
  }
  if (const auto* broadcast = index.as<ir::BroadcastNode>(); broadcast != nullptr && mask == nullptr) {
    const ir::Expr scalar = ir::MakeBufferLoad(node->buffer, ir::MakeArray({broadcast->value}));
    return Splat(EmitExpr(scalar), lanes);
  }
  const auto* ramp = index.as<ir::RampNode>();
  const int64_t* stride = ramp != nullptr ? ir::ConstInt(ramp->stride) : nullptr;
  if (stride == nullptr || !ramp->base.dtype().is_index()) return EmitGather(node, mask);
  Linear place = context_.Of(ramp->base);
  if (*stride == 1) {
    const auto key = Key({memory->id, place.constant, lanes, reinterpret_cast<int64_t>(mask)}, place);
    auto& loads = scopes_.back().loads;
    const bool remember = !HasOpaque(place);
    if (remember) {
      if (auto it = loads.find(key); it != loads.end() && it->second.version == memory->version) {
        return it->second.value;
      }
    }
    Value* pointer = EmitAddress(node->buffer, place);
    const llvm::Align align = AlignOf(node->buffer, place);
    llvm::Instruction* out =
        mask == nullptr ? static_cast<llvm::Instruction*>(builder_.CreateAlignedLoad(type, pointer, align))
                        : builder_.CreateMaskedLoad(type, pointer, align, mask, llvm::Constant::getNullValue(type));
    Tag(out, node->buffer);
    if (remember) loads[key] = {out, memory->version};
    return out;
  }
  if (mask != nullptr) return EmitGather(node, mask);
  // Lane by lane: a gather instruction is no faster on most machines.
  Value* out = llvm::PoisonValue::get(type);
  for (int lane = 0; lane < lanes; ++lane) {
    Linear at = place;
    at.constant += lane * *stride;
    llvm::Instruction* element = Tag(
        builder_.CreateAlignedLoad(type->getElementType(), EmitAddress(node->buffer, at), AlignOf(node->buffer, at)),
        node->buffer);
    out = builder_.CreateInsertElement(out, element, lane);
  }
  return out;
}

llvm::Value* FunctionEmitter::LanePointers(ir::Buffer buffer, ir::Expr index) {
  Value* lanes = EmitExpr(index);
  auto* wide = llvm::FixedVectorType::get(builder_.getInt64Ty(), index.dtype().lanes);
  lanes = builder_.CreateSExt(lanes, wide);
  return builder_.CreateGEP(TypeOf(buffer->dtype), PointerOf(buffer->data), lanes);
}

llvm::Value* FunctionEmitter::EmitGather(const ir::BufferLoadNode* node, Value* mask) {
  Value* pointers = LanePointers(node->buffer, node->indices[0]);
  llvm::Type* type = TypeOf(node->dtype);
  const llvm::Align align(static_cast<uint64_t>(std::max(1, node->buffer->dtype.bytes())));
  return Tag(builder_.CreateMaskedGather(type, pointers, align, mask, llvm::Constant::getNullValue(type)),
             node->buffer);
}

void FunctionEmitter::EmitStore(const ir::BufferStoreNode* node) {
  Value* value = EmitExpr(node->value);
  Memory* memory = MemoryOf(node->buffer->data);
  if (memory == nullptr) return;
  if (node->indices.size() != 1) {
    return state_.Fail(StrCat("buffer \"", node->buffer->name, "\" is not flattened to one dimension"));
  }
  if (memory->in_cells) {
    builder_.CreateStore(value, CellOf(*memory, node->indices));
    return;
  }
  const ir::Expr index = node->indices[0];
  if (!index.dtype().is_scalar()) {
    EmitVectorStore(node, value, node->predicate ? EmitExpr(node->predicate) : nullptr);
  } else {
    const Linear place = context_.Of(index);
    const auto store = [&] {
      Tag(builder_.CreateAlignedStore(value, EmitAddress(node->buffer, place), AlignOf(node->buffer, place)),
          node->buffer);
    };
    if (node->predicate) {
      llvm::BasicBlock* then_block = llvm::BasicBlock::Create(state_.context, "then", function_);
      llvm::BasicBlock* after = llvm::BasicBlock::Create(state_.context, "endif", function_);
      llvm::Instruction* branch = builder_.CreateCondBr(EmitExpr(node->predicate), then_block, after);
      builder_.SetInsertPoint(then_block);
      PushScope(branch);
      store();
      PopScope();
      builder_.CreateBr(after);
      builder_.SetInsertPoint(after);
    } else {
      store();
    }
  }
  ++MemoryOf(node->buffer->data)->version;
}

void FunctionEmitter::EmitVectorStore(const ir::BufferStoreNode* node, Value* value, Value* mask) {
  const ir::Expr index = node->indices[0];
  if (node->buffer->dtype.lanes != 1) {
    return state_.Fail(StrCat("a vector of places in buffer \"", node->buffer->name, "\", whose elements are vectors"));
  }
  const auto* ramp = index.as<ir::RampNode>();
  const int64_t* stride = ramp != nullptr ? ir::ConstInt(ramp->stride) : nullptr;
  if (stride != nullptr && *stride == 1 && ramp->base.dtype().is_index()) {
    const Linear place = context_.Of(ramp->base);
    Value* pointer = EmitAddress(node->buffer, place);
    const llvm::Align align = AlignOf(node->buffer, place);
    llvm::Instruction* store = mask == nullptr
                                   ? static_cast<llvm::Instruction*>(builder_.CreateAlignedStore(value, pointer, align))
                                   : builder_.CreateMaskedStore(value, pointer, align, mask);
    Tag(store, node->buffer);
    if (non_temporal_ && mask == nullptr) {
      llvm::Metadata* one = llvm::ConstantAsMetadata::get(builder_.getInt32(1));
      store->setMetadata(llvm::LLVMContext::MD_nontemporal, llvm::MDNode::get(state_.context, {one}));
    }
    return;
  }
  if (stride != nullptr && mask == nullptr && ramp->base.dtype().is_index()) {
    const Linear place = context_.Of(ramp->base);
    for (int lane = 0; lane < index.dtype().lanes; ++lane) {
      Linear at = place;
      at.constant += lane * *stride;
      Tag(builder_.CreateAlignedStore(builder_.CreateExtractElement(value, lane), EmitAddress(node->buffer, at),
                                      AlignOf(node->buffer, at)),
          node->buffer);
    }
    return;
  }
  const llvm::Align align(static_cast<uint64_t>(std::max(1, node->buffer->dtype.bytes())));
  Tag(builder_.CreateMaskedScatter(value, LanePointers(node->buffer, index), align, mask), node->buffer);
}

}  // namespace hone::codegen
