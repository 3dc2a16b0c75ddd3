#include <algorithm>
#include <bit>
#include <cmath>

#include "common/interp/compiler.h"
#include "common/interp/control.h"
#include "common/interp/device.h"
#include "common/interp/math.h"
#include "common/interp/values.h"
#include "common/ir/ops.h"
#include "common/support/strings.h"

namespace hone::interp {

using namespace ir;  // NOLINT: an internal file that is about these nodes.

const Evaluator* Compiler::IntFunction(const CallNode* call,
                                       std::function<int64_t(Frame&, int, const Args&)> function) {
  auto* out = NewEval<IntFunctionEval>(call->dtype);
  for (Expr arg : call->args) out->args.push_back(Expression(arg));
  out->function = std::move(function);
  return out;
}

const Evaluator* Compiler::FloatFunction(const CallNode* call,
                                         std::function<double(Frame&, int, const Args&)> function) {
  auto* out = NewEval<FloatFunctionEval>(call->dtype);
  for (Expr arg : call->args) out->args.push_back(Expression(arg));
  out->function = std::move(function);
  return out;
}

const Evaluator* Compiler::CallOf(const CallNode* call) {
  const DataType t = call->dtype;
  if (call->function != nullptr) return CallFunction(call);
  if (IsUnaryMath(call->op) || IsBinaryMath(call->op)) {
    auto* out = NewEval<MathEval>(t);
    out->op = call->op;
    out->x = Expression(call->args[0]);
    if (IsBinaryMath(call->op)) out->y = Expression(call->args[1]);
    return out;
  }
  switch (call->op) {
    case Builtin::if_then_else:
      return Choice(t, call->args[0], call->args[1], call->args[2]);
    case Builtin::likely:
    case Builtin::tvm_thread_invariant:
      return Expression(call->args[0]);
    case Builtin::assume:
    case Builtin::undef:
    case Builtin::prefetch:
      return t.is_any_float() ? FloatFunction(call, [](Frame&, int, const Args&) { return 0.0; })
                              : IntFunction(call, [](Frame&, int, const Args&) { return int64_t{0}; });
    case Builtin::reinterpret: {
      auto* out = NewEval<ReinterpretEval>(t);
      out->value = Expression(call->args[0]);
      return out;
    }
    case Builtin::fma:
      return FloatFunction(call, [](Frame& f, int l, const Args& a) {
        return std::fma(a[0]->Float(f, l), a[1]->Float(f, l), a[2]->Float(f, l));
      });
    case Builtin::ldexp:
      return FloatFunction(call, [](Frame& f, int l, const Args& a) {
        return std::ldexp(a[0]->Float(f, l), static_cast<int>(a[1]->Int(f, l)));
      });
    case Builtin::infinity:
      return FloatFunction(call, [](Frame&, int, const Args&) { return HUGE_VAL; });
    case Builtin::isnan:
      return IntFunction(call, [](Frame& f, int l, const Args& a) { return int64_t{std::isnan(a[0]->Float(f, l))}; });
    case Builtin::isinf:
      return IntFunction(call, [](Frame& f, int l, const Args& a) { return int64_t{std::isinf(a[0]->Float(f, l))}; });
    case Builtin::isfinite:
      return IntFunction(call,
                         [](Frame& f, int l, const Args& a) { return int64_t{std::isfinite(a[0]->Float(f, l))}; });
    case Builtin::bitwise_and:
      return IntFunction(call, [](Frame& f, int l, const Args& a) { return a[0]->Int(f, l) & a[1]->Int(f, l); });
    case Builtin::bitwise_or:
      return IntFunction(call, [](Frame& f, int l, const Args& a) { return a[0]->Int(f, l) | a[1]->Int(f, l); });
    case Builtin::bitwise_xor:
      return IntFunction(call, [](Frame& f, int l, const Args& a) { return a[0]->Int(f, l) ^ a[1]->Int(f, l); });
    case Builtin::bitwise_not:
      return IntFunction(call, [](Frame& f, int l, const Args& a) { return ~a[0]->Int(f, l); });
    case Builtin::shift_left:
      return IntFunction(call, [](Frame& f, int l, const Args& a) {
        return static_cast<int64_t>(static_cast<uint64_t>(a[0]->Int(f, l)) << (a[1]->Int(f, l) & 63));
      });
    case Builtin::shift_right: {
      const bool wide = t.is_uint() && t.bits == 64;
      return IntFunction(call, [wide](Frame& f, int l, const Args& a) {
        const int64_t x = a[0]->Int(f, l);
        const int64_t n = a[1]->Int(f, l) & 63;
        return wide ? static_cast<int64_t>(static_cast<uint64_t>(x) >> n) : x >> n;
      });
    }
    case Builtin::popcount: {
      const int bits = call->args[0].dtype().bits;
      return IntFunction(call, [bits](Frame& f, int l, const Args& a) {
        uint64_t x = static_cast<uint64_t>(a[0]->Int(f, l));
        if (bits < 64) x &= (uint64_t{1} << bits) - 1;
        return int64_t{std::popcount(x)};
      });
    }
    case Builtin::clz: {
      const int bits = call->args[0].dtype().bits;
      return IntFunction(call, [bits](Frame& f, int l, const Args& a) {
        uint64_t x = static_cast<uint64_t>(a[0]->Int(f, l));
        if (bits < 64) x &= (uint64_t{1} << bits) - 1;
        return int64_t{std::countl_zero(x) - (64 - bits)};
      });
    }
    case Builtin::large_uint_imm:
      return IntFunction(call, [](Frame& f, int, const Args& a) {
        return static_cast<int64_t>(static_cast<uint64_t>(a[1]->Int(f, 0)) << 32 |
                                    (static_cast<uint64_t>(a[0]->Int(f, 0)) & 0xffffffffu));
      });
    case Builtin::q_multiply_shift:
      // Fixed-point multiply: round half up of x * y * 2^(s - q).
      return IntFunction(call, [](Frame& f, int l, const Args& a) {
        const __int128 product = static_cast<__int128>(a[0]->Int(f, l)) * a[1]->Int(f, l);
        const int64_t q = a[2]->Int(f, l);
        const int64_t s = a[3]->Int(f, l);
        const int64_t shift = q - s;
        if (shift <= 0) return static_cast<int64_t>(product << -shift);
        return static_cast<int64_t>((product + (static_cast<__int128>(1) << (shift - 1))) >> shift);
      });
    case Builtin::dp4a:
      return IntFunction(call, [](Frame& f, int, const Args& a) {
        int64_t sum = a[2]->Int(f, 0);
        for (int k = 0; k < 4; ++k) sum += a[0]->Int(f, k) * a[1]->Int(f, k);
        return sum;
      });
    case Builtin::isnullptr:
      return IntFunction(call, [](Frame& f, int, const Args& a) { return int64_t{a[0]->Ptr(f).memory == nullptr}; });
    case Builtin::vectorlow:
    case Builtin::vectorhigh: {
      const int shift = call->op == Builtin::vectorhigh ? t.lanes : 0;
      if (t.is_any_float()) {
        return FloatFunction(call, [shift](Frame& f, int l, const Args& a) { return a[0]->Float(f, l + shift); });
      }
      return IntFunction(call, [shift](Frame& f, int l, const Args& a) { return a[0]->Int(f, l + shift); });
    }
    case Builtin::vectorcombine: {
      const int half = t.lanes / 2;
      if (t.is_any_float()) {
        return FloatFunction(call, [half](Frame& f, int l, const Args& a) { return a[l / half]->Float(f, l % half); });
      }
      return IntFunction(call, [half](Frame& f, int l, const Args& a) { return a[l / half]->Int(f, l % half); });
    }
    case Builtin::get_active_lane_mask:
      return IntFunction(call,
                         [](Frame& f, int l, const Args& a) { return int64_t{a[0]->Int(f, 0) + l < a[1]->Int(f, 0)}; });
    case Builtin::ceildiv:
      return IntFunction(call, [](Frame& f, int l, const Args& a) {
        const int64_t b = a[1]->Int(f, l);
        if (b == 0) DivisionByZero();
        return -FloorDivInt(-a[0]->Int(f, l), b);
      });
    case Builtin::address_of: {
      const auto* load = call->args[0].as<BufferLoadNode>();
      if (load == nullptr) Unimplemented("address_of something that is no buffer load");
      auto* out = NewEval<AddressOfEval>(t);
      out->load = Load(load);
      return out;
    }
    case Builtin::tvm_access_ptr: {
      auto* out = NewEval<AccessPtrEval>(t);
      out->element_bytes = call->args[0].dtype().bytes();
      out->data = Expression(call->args[1]);
      out->offset = Expression(call->args[2]);
      return out;
    }
    case Builtin::type_annotation: {
      auto* out = NewEval<IntConst>(t);
      out->value = 0;
      return out;
    }
    case Builtin::tvm_storage_sync: {
      auto* out = NewEval<BarrierEval>(kInt32);
      const auto* scope = call->args.empty() ? nullptr : call->args[0].as<StringImmNode>();
      out->warp = scope != nullptr && scope->value == "warp";
      return out;
    }
    case Builtin::ptx_commit_group:
      return NewEval<CommitEval>(kInt32);
    case Builtin::ptx_wait_group: {
      auto* out = NewEval<WaitEval>(kInt32);
      out->in_flight = Expression(Arg(call, 0));
      return out;
    }
    case Builtin::ptx_cp_async: {
      auto* out = NewEval<CopyBytesEval>(kInt32);
      out->async = true;
      out->to = Expression(Arg(call, 0));
      out->to_offset = Expression(Arg(call, 1));
      out->to_bytes = PointeeBytes(Arg(call, 0));
      out->from = Expression(Arg(call, 2));
      out->from_offset = Expression(Arg(call, 3));
      out->from_bytes = PointeeBytes(Arg(call, 2));
      out->count = Expression(Arg(call, 4));
      if (call->args.size() > 5) out->predicate = Expression(call->args[5]);
      return out;
    }
    case Builtin::tvm_fill_fragment:
    case Builtin::tvm_load_matrix_sync:
    case Builtin::tvm_store_matrix_sync:
    case Builtin::tvm_mma_sync:
      return WmmaCall(call);
    case Builtin::ptx_ldmatrix:
    case Builtin::ptx_mma:
    case Builtin::mma_fill:
    case Builtin::mma_store:
      return MmaCall(call);
    case Builtin::tvm_call_packed:
    case Builtin::tvm_call_cpacked:
      return PackedCall(call);
    case Builtin::tvm_warp_activemask:
      return IntFunction(call, [](Frame&, int, const Args&) { return int64_t{0xffffffff}; });
    case Builtin::tvm_warp_shuffle:
    case Builtin::tvm_warp_shuffle_up:
    case Builtin::tvm_warp_shuffle_down: {
      auto* out = NewEval<WarpShuffleEval>(t);
      out->op = call->op;
      out->value = Expression(call->args[1]);
      out->lane_or_delta = Expression(call->args[2]);
      out->width = Expression(call->args[3]);
      return out;
    }
    case Builtin::tvm_thread_allreduce:
      return AllReduce(call);
    case Builtin::call_llvm_pure_intrin:
    case Builtin::call_llvm_intrin:
    case Builtin::call_pure_extern:
    case Builtin::call_extern:
      return NamedCall(call);
    default:
      Unimplemented(StrCat("builtin \"", InfoOf(call->op).name, "\""));
  }
}

const Evaluator* Compiler::PackedCall(const CallNode* call) {
  const auto* name = call->args.empty() ? nullptr : call->args[0].as<StringImmNode>();
  if (name == nullptr) Unimplemented("a call of a packed function without a name");
  if (const PrimFuncNode* callee = module_.FindPrimFunc(name->value)) {
    auto* out = NewEval<CallFunctionEval>(kInt32);
    out->launch = true;
    for (size_t i = 1; i < call->args.size(); ++i) out->args.push_back(Expression(call->args[i]));
    out->callee = CalleeOf(callee);
    return out;
  }
  if (name->value == "device_api.hexagon.dma_copy_dltensor") {  // (to, from, bytes, bypass cache)
    const auto data = [&](size_t i) {
      const auto* array = Arg(call, i).as<CallNode>();
      if (array == nullptr || !array->Is(Builtin::tvm_stack_make_array)) Unimplemented("a DMA of such an operand");
      return Expression(Arg(array, 0));
    };
    auto* out = NewEval<CopyBytesEval>(kInt32);
    out->to = data(1);
    out->from = data(2);
    out->count = Expression(Arg(call, 3));
    return out;
  }
  Unimplemented(StrCat("packed function \"", std::string(name->value), "\""));
}

const Evaluator* Compiler::AllReduce(const CallNode* call) {
  if (reducers_.empty()) Unimplemented("an all-reduce outside of a reduce_scope");
  const CommReducerNode* reducer = reducers_.back();
  const int64_t* count = ConstInt(call->args[0]);
  if (count == nullptr) Unimplemented("an all-reduce over a variable number of values");
  const size_t n = static_cast<size_t>(*count);
  auto* out = NewEval<AllReduceEval>(kInt32);
  out->condition = Expression(call->args[1 + n]);
  for (size_t k = 0; k < n; ++k) {
    AllReduceEval::Item item;
    item.value = Expression(call->args[1 + k]);
    item.dtype = call->args[1 + k].dtype();
    item.is_float = item.dtype.is_any_float();
    item.lhs_slot = ScalarSlot(reducer->lhs[k]);
    item.rhs_slot = ScalarSlot(reducer->rhs[k]);
    item.combined = Expression(reducer->result[k]);
    item.identity = Expression(reducer->identity[k]);
    const Expr result = call->args[2 + n + k];
    if (const auto* load = result.as<BufferLoadNode>()) {
      auto* address = NewEval<AddressOfEval>(DataType::Handle());
      address->load = Load(load);
      item.result = address;
    } else {
      item.result = Expression(result);
    }
    out->items.push_back(item);
  }
  for (size_t k = 2 + 2 * n; k < call->args.size(); ++k) {
    const auto* var = call->args[k].as<VarNode>();
    auto it = var != nullptr ? launch_axis_.find(var) : launch_axis_.end();
    if (it != launch_axis_.end()) out->reduced_axes.push_back(it->second);
  }
  return out;
}

const Evaluator* Compiler::NamedCall(const CallNode* call) {
  const auto* name_imm = call->args.empty() ? nullptr : call->args[0].as<StringImmNode>();
  const std::string name = name_imm != nullptr ? std::string(name_imm->value) : "";
  // args[1] of an LLVM intrinsic call is the number of its signature's operands.
  const bool llvm = call->op == Builtin::call_llvm_intrin || call->op == Builtin::call_llvm_pure_intrin;
  const size_t first =
      llvm && call->args.size() > 1 && ConstInt(call->args[1]) != nullptr && call->args[1].dtype().is_uint() ? 2 : 1;
  if (name == "llvm.x86.avx512.vpdpbusd.512" || name == "llvm.x86.avx512.vpdpbusd.256" ||
      name == "llvm.x86.avx512.vpdpbusd.128") {
    return IntFunction(call, [first](Frame& f, int l, const Args& a) {
      int64_t sum = a[first]->Int(f, l);
      const uint64_t x = static_cast<uint64_t>(a[first + 1]->Int(f, l));
      const uint64_t y = static_cast<uint64_t>(a[first + 2]->Int(f, l));
      for (int k = 0; k < 4; ++k) {
        sum += static_cast<int64_t>(static_cast<uint8_t>(x >> (8 * k))) * static_cast<int8_t>(y >> (8 * k));
      }
      return sum;
    });
  }
  if (const Evaluator* arm = ArmDotPart(call, name, first)) return arm;
  if (const Evaluator* dot = DotPart(call, name, first)) return dot;
  Unimplemented(StrCat("external function \"", name, "\""));
}

int64_t Compiler::ByteDot(int64_t x, bool x_signed, int64_t y, bool y_signed) {
  int64_t sum = 0;
  for (int k = 0; k < 4; ++k) {
    const int64_t a = x >> (8 * k) & 0xff, b = y >> (8 * k) & 0xff;
    sum += (x_signed ? static_cast<int8_t>(a) : a) * (y_signed ? static_cast<int8_t>(b) : b);
  }
  return sum;
}

const Evaluator* Compiler::DotPart(const CallNode* call, const std::string& name, size_t first) {
  if (name == "__dp4a") {
    return IntFunction(call, [first](Frame& f, int, const Args& a) {
      int64_t sum = a[first + 2]->Int(f, 0);
      for (int k = 0; k < 4; ++k) sum += a[first]->Int(f, k) * a[first + 1]->Int(f, k);
      return sum;
    });
  }
  if (name == "llvm.amdgcn.sdot4") {  // (x, y, accumulator, saturate)
    return IntFunction(call, [first](Frame& f, int l, const Args& a) {
      const int64_t sum = ByteDot(a[first]->Int(f, l), true, a[first + 1]->Int(f, l), true) + a[first + 2]->Int(f, l);
      if (a[first + 3]->Int(f, 0) == 0) return sum;
      return std::clamp<int64_t>(sum, INT32_MIN, INT32_MAX);
    });
  }
  if (name == "llvm.x86.avx512.pmaddubs.w.512") {
    return IntFunction(call, [first](Frame& f, int l, const Args& a) {
      int64_t sum = 0;
      for (int k = 2 * l; k < 2 * l + 2; ++k) {
        sum += int64_t{static_cast<uint8_t>(a[first]->Int(f, k))} * static_cast<int8_t>(a[first + 1]->Int(f, k));
      }
      return std::clamp<int64_t>(sum, INT16_MIN, INT16_MAX);
    });
  }
  if (name == "llvm.x86.avx512.pmaddw.d.512") {
    return IntFunction(call, [first](Frame& f, int l, const Args& a) {
      return a[first]->Int(f, 2 * l) * a[first + 1]->Int(f, 2 * l) +
             a[first]->Int(f, 2 * l + 1) * a[first + 1]->Int(f, 2 * l + 1);
    });
  }
  if (name == "llvm.hexagon.V6.vrmpyub.acc.128B" || name == "llvm.hexagon.V6.vrmpybusv.acc.128B") {
    const bool vector = name == "llvm.hexagon.V6.vrmpybusv.acc.128B";  // The second operand is one, and signed.
    return IntFunction(call, [first, vector](Frame& f, int l, const Args& a) {
      return a[first]->Int(f, l) +
             ByteDot(a[first + 1]->Int(f, l), false, a[first + 2]->Int(f, vector ? l : 0), vector);
    });
  }
  if (name == "llvm.hexagon.V6.vdmpyhvsat.acc.128B") {
    return IntFunction(call, [first](Frame& f, int l, const Args& a) {
      const int64_t x = a[first + 1]->Int(f, l), y = a[first + 2]->Int(f, l);
      const int64_t low = int64_t{static_cast<int16_t>(x)} * static_cast<int16_t>(y);
      const int64_t high = int64_t{static_cast<int16_t>(x >> 16)} * static_cast<int16_t>(y >> 16);
      return std::clamp<int64_t>(a[first]->Int(f, l) + low + high, INT32_MIN, INT32_MAX);
    });
  }
  return nullptr;
}

const Evaluator* Compiler::ArmDotPart(const CallNode* call, const std::string& name, size_t first) {
  if (name == "llvm.aarch64.neon.sdot.v4i32.v16i8" || name == "llvm.aarch64.neon.udot.v4i32.v16i8") {
    const bool is_signed = name == "llvm.aarch64.neon.sdot.v4i32.v16i8";
    return IntFunction(call, [first, is_signed](Frame& f, int l, const Args& a) {
      int64_t sum = a[first]->Int(f, l);
      for (int k = 4 * l; k < 4 * l + 4; ++k) {
        const int64_t x = a[first + 1]->Int(f, k);
        const int64_t y = a[first + 2]->Int(f, k);
        sum += is_signed ? int64_t{static_cast<int8_t>(x)} * static_cast<int8_t>(y)
                         : int64_t{static_cast<uint8_t>(x)} * static_cast<uint8_t>(y);
      }
      return sum;
    });
  }
  if (name == "llvm.aarch64.neon.smull.v8i16") {
    return IntFunction(
        call, [first](Frame& f, int l, const Args& a) { return a[first]->Int(f, l) * a[first + 1]->Int(f, l); });
  }
  if (name == "llvm.aarch64.neon.saddlp.v4i32.v8i16") {
    return IntFunction(call, [first](Frame& f, int l, const Args& a) {
      return a[first]->Int(f, 2 * l) + a[first]->Int(f, 2 * l + 1);
    });
  }
  if (name == "llvm.aarch64.neon.addp.v4i32") {
    return IntFunction(call, [first](Frame& f, int l, const Args& a) {
      const Evaluator* half = a[first + l / 2];
      return half->Int(f, 2 * (l % 2)) + half->Int(f, 2 * (l % 2) + 1);
    });
  }
  return nullptr;
}

const Evaluator* Compiler::CallFunction(const CallNode* call) {
  const auto* callee = module_.FindPrimFunc(call->function->name);
  if (callee == nullptr) Unimplemented(StrCat("function \"", call->function->name, "\""));
  auto* out = NewEval<CallFunctionEval>(call->dtype.is_void() ? kInt32 : call->dtype);
  for (Expr arg : call->args) out->args.push_back(Expression(arg));
  out->callee = CalleeOf(callee);
  return out;
}

std::shared_ptr<std::unique_ptr<Program>> Compiler::CalleeOf(const PrimFuncNode* callee) {
  auto it = done_.find(callee);
  if (it != done_.end()) return it->second;
  auto holder = std::make_shared<std::unique_ptr<Program>>();
  done_[callee] = holder;
  *holder = Compiler(module_, done_).Compile(callee);
  return holder;
}

}  // namespace hone::interp
