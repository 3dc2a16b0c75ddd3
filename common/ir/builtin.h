// The builtin operations that a Call may name. Explicit table: no registry.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace hone::ir {

// What evaluating a call may do; numeric values as in TVM.
enum class CallEffect : uint8_t {
  kExprAnnotation = 0,
  kPure = 1,
  kReadState = 2,
  kUpdateState = 3,  // Opaque.
  kSpecialCallArg = 4,
  kEmbedInfo = 5,
  kControlJump = 6,
};

// name, effect, whether the result dtype is the first (1) or last (2) printed argument of TVMScript.
#define HONE_IR_BUILTINS(X)                         \
  X(abs, kPure, 0)                                  \
  X(acos, kPure, 0)                                 \
  X(acosh, kPure, 0)                                \
  X(asin, kPure, 0)                                 \
  X(asinh, kPure, 0)                                \
  X(atan, kPure, 0)                                 \
  X(atan2, kPure, 0)                                \
  X(atanh, kPure, 0)                                \
  X(ceil, kPure, 0)                                 \
  X(clz, kPure, 0)                                  \
  X(copysign, kPure, 0)                             \
  X(cos, kPure, 0)                                  \
  X(cosh, kPure, 0)                                 \
  X(erf, kPure, 0)                                  \
  X(exp, kPure, 0)                                  \
  X(exp10, kPure, 0)                                \
  X(exp2, kPure, 0)                                 \
  X(fabs, kPure, 0)                                 \
  X(floor, kPure, 0)                                \
  X(fma, kPure, 0)                                  \
  X(fmod, kPure, 0)                                 \
  X(hypot, kPure, 0)                                \
  X(isfinite, kPure, 0)                             \
  X(isinf, kPure, 0)                                \
  X(isnan, kPure, 0)                                \
  X(isnullptr, kPure, 0)                            \
  X(ldexp, kPure, 0)                                \
  X(log, kPure, 0)                                  \
  X(log10, kPure, 0)                                \
  X(log1p, kPure, 0)                                \
  X(log2, kPure, 0)                                 \
  X(nearbyint, kPure, 0)                            \
  X(nextafter, kPure, 0)                            \
  X(popcount, kPure, 0)                             \
  X(pow, kPure, 0)                                  \
  X(round, kPure, 0)                                \
  X(rsqrt, kPure, 0)                                \
  X(sigmoid, kPure, 0)                              \
  X(sin, kPure, 0)                                  \
  X(sinh, kPure, 0)                                 \
  X(sqrt, kPure, 0)                                 \
  X(tan, kPure, 0)                                  \
  X(tanh, kPure, 0)                                 \
  X(trunc, kPure, 0)                                \
  X(bitwise_and, kPure, 0)                          \
  X(bitwise_not, kPure, 0)                          \
  X(bitwise_or, kPure, 0)                           \
  X(bitwise_xor, kPure, 0)                          \
  X(shift_left, kPure, 0)                           \
  X(shift_right, kPure, 0)                          \
  X(large_uint_imm, kPure, 0)                       \
  X(if_then_else, kPure, 0)                         \
  X(likely, kExprAnnotation, 0)                     \
  X(assume, kEmbedInfo, 0)                          \
  X(undef, kReadState, 0)                           \
  X(ret, kControlJump, 0)                           \
  X(reinterpret, kPure, 1)                          \
  X(address_of, kPure, 0)                           \
  X(infinity, kPure, 0)                             \
  X(q_multiply_shift, kPure, 0)                     \
  X(q_multiply_shift_per_axis, kPure, 0)            \
  X(lookup_param, kUpdateState, 0)                  \
  X(vscale, kPure, 0)                               \
  X(get_active_lane_mask, kPure, 1)                 \
  X(dp4a, kPure, 1)                                 \
  X(tvm_access_ptr, kSpecialCallArg, 0)             \
  X(type_annotation, kPure, 0)                      \
  X(tvm_storage_sync, kUpdateState, 0)              \
  X(tvm_thread_allreduce, kUpdateState, 0)          \
  X(tvm_warp_shuffle, kUpdateState, 0)              \
  X(tvm_warp_shuffle_up, kUpdateState, 0)           \
  X(tvm_warp_shuffle_down, kUpdateState, 0)         \
  X(tvm_warp_activemask, kUpdateState, 0)           \
  X(tvm_thread_invariant, kUpdateState, 0)          \
  X(tvm_thread_context, kUpdateState, 0)            \
  X(tvm_load_matrix_sync, kUpdateState, 0)          \
  X(tvm_mma_sync, kUpdateState, 0)                  \
  X(tvm_bmma_sync, kUpdateState, 0)                 \
  X(tvm_fill_fragment, kUpdateState, 0)             \
  X(tvm_store_matrix_sync, kUpdateState, 0)         \
  X(mma_store, kUpdateState, 1)                     \
  X(mma_fill, kUpdateState, 1)                      \
  X(ptx_mma, kUpdateState, 1)                       \
  X(ptx_mma_sp, kUpdateState, 1)                    \
  X(ptx_ldmatrix, kUpdateState, 1)                  \
  X(ptx_cp_async, kUpdateState, 1)                  \
  X(ptx_cp_async_bulk, kUpdateState, 1)             \
  X(ptx_commit_group, kUpdateState, 0)              \
  X(ptx_wait_group, kUpdateState, 0)                \
  X(ptx_cp_async_barrier, kUpdateState, 0)          \
  X(ptx_init_barrier_thread_count, kUpdateState, 0) \
  X(ptx_arrive_barrier, kUpdateState, 0)            \
  X(ptx_arrive_barrier_expect_tx, kUpdateState, 0)  \
  X(ptx_wait_barrier, kUpdateState, 0)              \
  X(create_barriers, kUpdateState, 0)               \
  X(make_filled_simdgroup_matrix, kUpdateState, 0)  \
  X(simdgroup_load, kUpdateState, 0)                \
  X(simdgroup_store, kUpdateState, 0)               \
  X(simdgroup_multiply_accumulate, kUpdateState, 0) \
  X(call_extern, kUpdateState, 1)                   \
  X(call_pure_extern, kPure, 1)                     \
  X(tvm_call_packed, kUpdateState, 0)               \
  X(tvm_call_cpacked, kUpdateState, 0)              \
  X(tvm_call_packed_lowered, kUpdateState, 0)       \
  X(tvm_call_cpacked_lowered, kUpdateState, 0)      \
  X(tvm_call_trace_packed_lowered, kUpdateState, 0) \
  X(call_llvm_intrin, kUpdateState, 1)              \
  X(call_llvm_pure_intrin, kPure, 1)                \
  X(tvm_tuple, kEmbedInfo, 0)                       \
  X(tvm_struct_get, kReadState, 2)                  \
  X(tvm_struct_set, kUpdateState, 0)                \
  X(tvm_stack_alloca, kUpdateState, 0)              \
  X(tvm_stack_make_shape, kUpdateState, 0)          \
  X(tvm_stack_make_array, kUpdateState, 0)          \
  X(tvm_check_return, kUpdateState, 0)              \
  X(tvm_throw_last_error, kUpdateState, 0)          \
  X(tvm_context_id, kReadState, 0)                  \
  X(tvm_static_handle, kUpdateState, 0)             \
  X(tvm_global_barrier_kinit, kUpdateState, 0)      \
  X(anylist_getitem, kReadState, 0)                 \
  X(anylist_resetitem, kUpdateState, 0)             \
  X(anylist_setitem_call_packed, kUpdateState, 0)   \
  X(anylist_setitem_call_cpacked, kUpdateState, 0)  \
  X(start_profile_intrinsic, kPure, 0)              \
  X(end_profile_intrinsic, kPure, 0)                \
  X(TVMBackendAllocWorkspace, kUpdateState, 0)      \
  X(TVMBackendFreeWorkspace, kUpdateState, 0)       \
  X(nd_mem_alloc_with_scope, kUpdateState, 0)       \
  X(texture2d_load, kUpdateState, 0)                \
  X(texture2d_store, kUpdateState, 0)               \
  X(dma_copy, kUpdateState, 0)                      \
  X(dma_wait, kUpdateState, 0)                      \
  X(dma_start_group, kUpdateState, 0)               \
  X(dma_end_group, kUpdateState, 0)                 \
  X(mem_copy, kUpdateState, 0)                      \
  X(prefetch, kUpdateState, 0)                      \
  X(vectorlow, kPure, 1)                            \
  X(vectorhigh, kPure, 1)                           \
  X(vectorcombine, kPure, 1)                        \
  X(atomic_add, kUpdateState, 0)                    \
  X(ceildiv, kPure, 0)

enum class Builtin : uint16_t {
#define HONE_ENUMERATOR(name, effect, dtype_argument) name,
  HONE_IR_BUILTINS(HONE_ENUMERATOR)
#undef HONE_ENUMERATOR
};

enum class DtypeArgument : uint8_t { kNone = 0, kFirst = 1, kLast = 2 };

struct BuiltinInfo {
  std::string_view name;  // Without the "tir." of TVM's files.
  CallEffect effect;
  DtypeArgument dtype_argument;
};

const BuiltinInfo& InfoOf(Builtin builtin);
// By name without "tir."; nullopt when there is none.
std::optional<Builtin> BuiltinFromName(std::string_view name);

}  // namespace hone::ir
