#include "common/interp/device.h"

#include <cstring>
#include <string>

#include "common/ir/ops.h"
#include "common/support/strings.h"

namespace hone::interp {

using namespace ir;  // NOLINT: an internal file that is about these nodes.

int LaunchAxis(std::string_view tag) {
  if (tag.size() == 11 && tag.starts_with("threadIdx.")) return tag[10] - 'x';
  if (tag.size() == 10 && tag.starts_with("blockIdx.")) return 3 + tag[9] - 'x';
  return -1;
}

void LaunchAction::Run(Frame& f) const {
  const int64_t first = min != nullptr ? min->Int(f, 0) : 0;
  if (axis >= 0 && axis < 3 && f.block != nullptr) {
    const int64_t n = extent->Int(f, 0);
    if (n != f.block->extent[axis]) {
      throw Stop(Stop::Kind::kInvalid, StrCat("a launch binds threadIdx.", std::string(1, "xyz"[axis]), " to ",
                                              f.block->extent[axis], " and to ", n, " threads"));
    }
    f.scalars[slot].i = first + Coordinate(*f.block, f.thread);
    body->Run(f);
    return;
  }
  if (axis < 0 || axis >= 3 || !concurrent) {  // Thread blocks and virtual threads run one after the other.
    const int64_t n = extent->Int(f, 0);
    for (int64_t i = 0; i < n; ++i) {
      Step(f);
      f.scalars[slot].i = first + i;
      body->Run(f);
    }
    return;
  }
  int64_t extents[3] = {1, 1, 1};
  for (auto [a, e] : thread_axes) extents[a] = e->Int(f, 0);
  const int64_t threads = extents[0] * extents[1] * extents[2];
  if (threads < 1 || threads > 1024)
    throw Stop(Stop::Kind::kInvalid, StrCat("a thread block of ", threads, " threads"));
  ThreadBlock block(f, static_cast<int>(threads));
  for (int a = 0; a < 3; ++a) block.extent[a] = extents[a];
  block.Run(*this);
}

int64_t LaunchAction::Coordinate(const ThreadBlock& block, int thread) const {
  if (axis == 0) return thread % block.extent[0];
  if (axis == 1) return thread / block.extent[0] % block.extent[1];
  return thread / (block.extent[0] * block.extent[1]);
}

void AsyncAction::Run(Frame& f) const {
  if (f.block != nullptr && in_flight != nullptr) f.block->WaitForCopies(f.thread, in_flight->Int(f, 0));
  body->Run(f);
  if (f.block != nullptr && in_flight == nullptr) f.block->CommitCopies(f.thread);
}

int64_t CommitEval::Int(Frame& f, int) const {
  if (f.block != nullptr) f.block->CommitCopies(f.thread);
  return 0;
}

int64_t WaitEval::Int(Frame& f, int) const {
  if (f.block != nullptr) f.block->WaitForCopies(f.thread, in_flight->Int(f, 0));
  return 0;
}

int64_t CopyBytesEval::Int(Frame& f, int) const {
  Step(f);
  const int64_t n = count->Int(f, 0);
  Pointer target = to->Ptr(f);
  if (to_offset != nullptr) target.offset += to_offset->Int(f, 0) * to_bytes;
  Check(target, n);
  std::vector<uint8_t> bytes(n);
  if (predicate == nullptr || predicate->Int(f, 0) != 0) {
    Pointer source = from->Ptr(f);
    if (from_offset != nullptr) source.offset += from_offset->Int(f, 0) * from_bytes;
    Check(source, n);
    std::memcpy(bytes.data(), source.memory->data + source.offset, n);
  }
  if (async && f.block != nullptr) {
    f.block->StartCopy(f.thread, target, std::move(bytes));
  } else {
    std::memcpy(target.memory->data + target.offset, bytes.data(), n);
  }
  return 0;
}

void CopyBytesEval::Check(const Pointer& p, int64_t n) {
  if (p.memory == nullptr || n < 0 || p.offset < 0 || p.offset + n > p.memory->bytes) {
    throw Stop(Stop::Kind::kOutOfRange, StrCat("a copy of ", n, " bytes reaches outside of its memory"));
  }
}

int64_t BarrierEval::Int(Frame& f, int) const {
  if (f.block == nullptr) return 0;
  if (warp) {
    f.block->WarpBarrier();
  } else {
    f.block->Barrier(this);
  }
  return 0;
}

Scalar WarpShuffleEval::Get(Frame& f) const {
  Scalar mine;
  if (is_float) {
    mine.f = value->Float(f, 0);
  } else {
    mine.i = value->Int(f, 0);
  }
  const int64_t operand = lane_or_delta->Int(f, 0);
  const int64_t w = width->Int(f, 0);
  if (f.block == nullptr) return mine;
  f.block->WarpExchange(f.thread, {mine});
  const int64_t lane = f.thread % w;
  const int64_t base = f.thread - lane;
  int64_t from = lane;
  if (op == Builtin::tvm_warp_shuffle) from = FloorModInt(operand, w);
  if (op == Builtin::tvm_warp_shuffle_up && lane - operand >= 0) from = lane - operand;
  if (op == Builtin::tvm_warp_shuffle_down && lane + operand < w) from = lane + operand;
  const std::vector<Scalar>* peer = f.block->Peer(f.thread, static_cast<int>(base + from));
  return peer != nullptr ? peer->front() : mine;
}

int64_t AllReduceEval::Int(Frame& f, int) const {
  const bool valid = condition->Int(f, 0) != 0;
  std::vector<Scalar> mine(items.size());
  for (size_t k = 0; k < items.size(); ++k) {
    const Evaluator* v = valid ? items[k].value : items[k].identity;
    if (items[k].is_float) {
      mine[k].f = v->Float(f, 0);
    } else {
      mine[k].i = v->Int(f, 0);
    }
  }
  if (f.block != nullptr) f.block->Exchange(f.thread, mine, this);
  std::vector<Scalar> total = mine;
  bool first = true;
  for (int t = 0; f.block != nullptr && t < f.block->threads(); ++t) {
    if (!SameGroup(*f.block, t, f.thread)) continue;
    const std::vector<Scalar>* other = f.block->Peer(f.thread, t);
    if (other == nullptr) continue;  // Ended before.
    if (first) {
      total = *other;
      first = false;
      continue;
    }
    for (size_t k = 0; k < items.size(); ++k) {
      Set(f, items[k].lhs_slot, total[k]);
      Set(f, items[k].rhs_slot, (*other)[k]);
    }
    std::vector<Scalar> next(items.size());
    for (size_t k = 0; k < items.size(); ++k) {
      if (items[k].is_float) {
        next[k].f = items[k].combined->Float(f, 0);
      } else {
        next[k].i = items[k].combined->Int(f, 0);
      }
    }
    total = next;
  }
  for (size_t k = 0; k < items.size(); ++k) {
    const Pointer p = items[k].result->Ptr(f);
    if (p.memory == nullptr || p.offset < 0 || p.offset + items[k].dtype.bytes() > p.memory->bytes) {
      throw Stop(Stop::Kind::kOutOfRange, "the result of an all-reduce lies outside of its memory");
    }
    if (items[k].is_float) {
      StoreFloat(items[k].dtype, p.memory->data + p.offset, total[k].f);
    } else {
      StoreInt(items[k].dtype, p.memory->data + p.offset, total[k].i);
    }
  }
  return 0;
}

bool AllReduceEval::SameGroup(const ThreadBlock& b, int s, int t) const {
  const int64_t cs[3] = {s % b.extent[0], s / b.extent[0] % b.extent[1], s / (b.extent[0] * b.extent[1])};
  const int64_t ct[3] = {t % b.extent[0], t / b.extent[0] % b.extent[1], t / (b.extent[0] * b.extent[1])};
  for (int axis = 0; axis < 3; ++axis) {
    bool reduced = false;
    for (int r : reduced_axes) reduced = reduced || r == axis;
    if (!reduced && cs[axis] != ct[axis]) return false;
  }
  return true;
}

}  // namespace hone::interp
