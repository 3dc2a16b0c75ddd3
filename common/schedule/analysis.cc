#include "common/schedule/analysis.h"

#include <algorithm>

#include "common/ir/visitor.h"
#include "common/support/status_macros.h"

namespace hone::schedule {

using ir::BlockNode;
using ir::BlockRealizeNode;
using ir::ForNode;
using ir::IterType;
using ir::Stmt;

// ---- the tree

SrefId ScopeRootOf(const ScheduleState& state, SrefId id) {
  SrefId p = state.parent(id);
  while (p != kNoSref && state.at(p).realize == nullptr) p = state.parent(p);
  return p;
}

absl::StatusOr<SrefId> RequireScopeRoot(const ScheduleState& state, SrefId id, bool require_stage_pipeline) {
  const SrefId root = ScopeRootOf(state, id);
  if (root == kNoSref) return state.Refuse("The primitive does not operate on the root block", {id});
  if (require_stage_pipeline && !state.stage_pipeline(root)) {
    return state.Refuse(
        "The scope is required to be a stage pipeline: each child block reads only what its producers "
        "cover, and none overwrites what another has read",
        {root});
  }
  return root;
}

SrefList LoopsAbove(const ScheduleState& state, SrefId id) {
  SrefList loops;
  for (SrefId p = state.parent(id); p != kNoSref && state.at(p).realize == nullptr; p = state.parent(p)) {
    loops.push_back(p);
  }
  std::reverse(loops.begin(), loops.end());
  return loops;
}

namespace {

void AppendChildBlocks(const ScheduleState& state, SrefId id, bool nested, SrefList& out) {
  for (SrefId c = state.at(id).first_child; c != kNoSref; c = state.at(c).next_sibling) {
    const bool block = state.at(c).realize != nullptr;
    if (block) out.push_back(c);
    if (!block || nested) AppendChildBlocks(state, c, nested, out);
  }
}

}  // namespace

SrefList ChildBlocks(const ScheduleState& state, SrefId id) {
  SrefList out;
  AppendChildBlocks(state, id, false, out);
  return out;
}

SrefList AllBlocksBelow(const ScheduleState& state, SrefId id) {
  SrefList out;
  AppendChildBlocks(state, id, true, out);
  return out;
}

bool IsAtOrBelow(const ScheduleState& state, SrefId id, SrefId above) {
  for (SrefId p = id; p != kNoSref; p = state.parent(p)) {
    if (p == above) return true;
  }
  return false;
}

namespace {

// Of nodes from `id` up to the root.
int DepthOf(const ScheduleState& state, SrefId id) {
  int depth = 0;
  for (; id != kNoSref; id = state.parent(id)) ++depth;
  return depth;
}

}  // namespace

SrefId LowestCommonAncestor(const ScheduleState& state, absl::Span<const SrefId> ids) {
  SrefId lca = ids[0];
  int depth = DepthOf(state, lca);
  for (SrefId id : ids.subspan(1)) {
    if (id == lca) continue;
    int other = DepthOf(state, id);
    for (; depth > other; --depth) lca = state.parent(lca);
    for (; other > depth; --other) id = state.parent(id);
    for (; id != lca; --depth) {
      id = state.parent(id);
      lca = state.parent(lca);
    }
  }
  return lca;
}

Stmt BodyOf(const ScheduleState& state, SrefId id) {
  const Sref& node = state.at(id);
  return node.realize != nullptr ? node.block()->body : node.loop()->body;
}

Stmt StatementOf(const ScheduleState& state, SrefId id) {
  const Sref& node = state.at(id);
  return node.realize != nullptr ? Stmt(node.realize) : Stmt(node.stmt);
}

// ---- blocks

SrefList Producers(const ScheduleState& state, SrefId block) {
  SrefList out;
  for (const Dependency& d : state.ScopeOf(ScopeRootOf(state, block)).dependencies) {
    if (d.dst != block || (d.kind != DependencyKind::kRaw && d.kind != DependencyKind::kWaw)) continue;
    if (std::find(out.begin(), out.end(), d.src) == out.end()) out.push_back(d.src);
  }
  return out;
}

SrefList Consumers(const ScheduleState& state, SrefId block) {
  SrefList out;
  for (const Dependency& d : state.ScopeOf(ScopeRootOf(state, block)).dependencies) {
    if (d.src != block || (d.kind != DependencyKind::kRaw && d.kind != DependencyKind::kWaw)) continue;
    if (std::find(out.begin(), out.end(), d.dst) == out.end()) out.push_back(d.dst);
  }
  return out;
}

namespace {

// Each buffer that `block` writes has one writer among those recorded in `scope_root`. Below a loop, the writers are
// those of the children blocks' own scopes.
bool IsDominant(const ScheduleState& state, SrefId block, SrefId scope_root) {
  if (state.at(scope_root).realize != nullptr) {
    const BlockScope& scope = state.ScopeOf(scope_root);
    for (ir::BufferRegion write : state.block(block)->writes) {
      if (scope.CountWriters(write->buffer) != 1) return false;
    }
    return true;
  }
  for (ir::BufferRegion write : state.block(block)->writes) {
    int writers = 0;
    for (SrefId child : ChildBlocks(state, scope_root)) writers += state.ScopeOf(child).CountWriters(write->buffer);
    if (writers > 1) return false;
  }
  return true;
}

bool ReadsWhatItWrites(const BlockNode* block) {
  for (ir::BufferRegion write : block->writes) {
    for (ir::BufferRegion read : block->reads) {
      if (read->buffer == write->buffer) return true;
    }
  }
  return false;
}

// A store of `block` is indexed by one of its reduce iters.
bool ReduceIterIndexesStore(const BlockNode* block) {
  bool found = false;
  ir::PreOrderVisitStmts(block->body, [&](Stmt s) {
    const auto* store = s.as<ir::BufferStoreNode>();
    if (store == nullptr || found) return !found;
    for (ir::Expr index : store->indices) {
      found = found || ir::UsesVar(index, [&](ir::Var v) {
                return std::any_of(block->iter_vars.begin(), block->iter_vars.end(), [&](ir::IterVar iter) {
                  return iter->iter_type == IterType::kReduce && iter->var == v;
                });
              });
    }
    return !found;
  });
  return found;
}

}  // namespace

int CompleteBlockError(const ScheduleState& state, SrefId id, SrefId scope_root) {
  const BlockNode* block = state.block(id);
  for (ir::IterVar iter : block->iter_vars) {
    if (iter->iter_type != IterType::kSpatial) return 1;
  }
  if (!IsDominant(state, id, scope_root)) return 2;
  return ReadsWhatItWrites(block) ? 3 : 0;
}

int ReductionBlockError(const ScheduleState& state, SrefId id, SrefId scope_root) {
  const BlockNode* block = state.block(id);
  if (!block->init) return 1;
  if (!state.affine_binding(id)) return 2;
  for (ir::IterVar iter : block->iter_vars) {
    if (iter->iter_type != IterType::kSpatial && iter->iter_type != IterType::kReduce) return 3;
  }
  if (!IsDominant(state, id, scope_root)) return 4;
  return ReduceIterIndexesStore(block) ? 5 : 0;
}

namespace {

constexpr std::string_view kCompleteErrors[] = {
    "",
    "The block is not complete: condition 1, all its iters must be data parallel",
    "The block is not complete: condition 2, it must be the only writer of what it writes",
    "The block is not complete: condition 3, it must not read what it writes",
};
constexpr std::string_view kReductionErrors[] = {
    "",
    "The block is not a reduction: condition 1, it must have an init",
    "The block is not a reduction: condition 2, its bindings must be quasi-affine",
    "The block is not a reduction: condition 3, its iters must be data parallel or reduce",
    "The block is not a reduction: condition 4, it must be the only writer of what it writes",
    "The block is not a reduction: condition 5, its reduce iters must not index what it writes",
};

}  // namespace

absl::Status CheckCompleteBlock(const ScheduleState& state, SrefId block, SrefId scope_root) {
  const int error = CompleteBlockError(state, block, scope_root);
  return error == 0 ? absl::OkStatus() : state.Refuse(kCompleteErrors[error], {block, scope_root});
}

absl::Status CheckReductionBlock(const ScheduleState& state, SrefId block, SrefId scope_root) {
  const int error = ReductionBlockError(state, block, scope_root);
  return error == 0 ? absl::OkStatus() : state.Refuse(kReductionErrors[error], {block, scope_root});
}

absl::Status CheckCompleteOrReductionBlock(const ScheduleState& state, SrefId block, SrefId scope_root) {
  const int complete = CompleteBlockError(state, block, scope_root);
  if (complete == 0) return absl::OkStatus();
  const int reduction = ReductionBlockError(state, block, scope_root);
  if (reduction == 0) return absl::OkStatus();
  return state.Refuse(state.block(block)->init ? kReductionErrors[reduction] : kCompleteErrors[complete],
                      {block, scope_root});
}

absl::Status CheckCompactDataflow(const ScheduleState& state, SrefId loop) {
  for (SrefId block : ChildBlocks(state, loop)) {
    if (CompleteBlockError(state, block, loop) != 0 && ReductionBlockError(state, block, loop) != 0) {
      return state.Refuse("The subtree has no compact dataflow: a block in it is neither complete nor a reduction",
                          {loop, block});
    }
  }
  return absl::OkStatus();
}

bool IsOutputBlock(const ScheduleState& state, SrefId block, SrefId scope_root) {
  const auto& allocated = state.block(scope_root)->alloc_buffers;
  for (ir::BufferRegion write : state.block(block)->writes) {
    if (std::find(allocated.begin(), allocated.end(), write->buffer) == allocated.end()) return true;
  }
  return false;
}

absl::Status CheckNotOutputBlock(const ScheduleState& state, SrefId block, SrefId scope_root) {
  if (!IsOutputBlock(state, block, scope_root)) return absl::OkStatus();
  return state.Refuse("The block is an output block: it writes a buffer that its scope does not allocate", {block});
}

bool IsTrivialBinding(const ScheduleState& state, SrefId block) {
  const SrefList loops = LoopsAbove(state, block);
  const auto& values = state.at(block).realize->iter_values;
  if (loops.size() != values.size()) return false;
  for (size_t i = 0; i < loops.size(); ++i) {
    if (!(values[i] == state.loop(loops[i])->loop_var)) return false;
  }
  return true;
}

bool IsReductionIter(const BlockNode* block) {
  return std::any_of(block->iter_vars.begin(), block->iter_vars.end(),
                     [](ir::IterVar iter) { return iter->iter_type == IterType::kReduce; });
}

absl::StatusOr<SrefId> RemovalTop(const ScheduleState& state, SrefId block, SrefId scope_root) {
  SrefId id = block;
  for (; id != kNoSref; id = state.parent(id)) {
    const SrefId parent = state.parent(id);
    if (parent == kNoSref) break;
    const Stmt statement = StatementOf(state, id);
    Stmt body = BodyOf(state, parent);
    if (parent == scope_root) {
      while (true) {
        if (const auto* constant = body.as<ir::AllocateConstNode>()) {
          body = constant->body;
        } else if (const auto* decl = body.as<ir::DeclBufferNode>()) {
          body = decl->body;
        } else {
          break;
        }
      }
    }
    const auto* seq = body.as<ir::SeqNode>();
    if (seq != nullptr) {
      const int at = state.at(id).seq_index;
      if (at >= 0 && static_cast<size_t>(at) < seq->seq.size() && seq->seq[at] == statement) return id;
      break;
    }
    if (parent == scope_root || !(body == statement)) break;
  }
  return state.Refuse("The block is the only leaf in its scope, which cannot be removed", {block, scope_root});
}

// ---- loops

IterType LoopIterType(const ScheduleState& state, SrefId loop) {
  const ir::Var var = state.loop(loop)->loop_var;
  int spatial = 0;
  int reduce = 0;
  int other = 0;
  for (SrefId block : ChildBlocks(state, loop)) {
    const BlockRealizeNode* realize = state.at(block).realize;
    for (size_t i = 0; i < realize->iter_values.size(); ++i) {
      if (!ir::UsesVar(realize->iter_values[i], var)) continue;
      const IterType type = realize->block->iter_vars[i]->iter_type;
      (type == IterType::kSpatial ? spatial : type == IterType::kReduce ? reduce : other)++;
    }
  }
  if (other > 0 || (spatial > 0 && reduce > 0)) return IterType::kOpaque;
  return reduce > 0 ? IterType::kReduce : IterType::kSpatial;
}

absl::Status CheckPlainLoop(const ScheduleState& state, SrefId loop) {
  const ForNode* node = state.loop(loop);
  if (node->annotations.empty() && node->thread_binding == nullptr) return absl::OkStatus();
  return state.Refuse("The primitive does not apply to a loop with annotations or a thread binding", {loop});
}

absl::Status CheckStartsAtZero(const ScheduleState& state, SrefId loop) {
  if (ir::IsZero(state.loop(loop)->min)) return absl::OkStatus();
  return state.Refuse("The primitive only supports loops that start with 0", {loop});
}

// ---- storage

std::optional<StorageScope> ParseStorageScope(std::string_view scope) {
  static constexpr struct {
    std::string_view name;
    int rank;
    bool tagged;
  } kScopes[] = {
      {"global", 0, true},
      {"shared", 1, true},
      {"warp", 2, true},
      {"local", 3, true},
      {"wmma.matrix_a", 4, false},
      {"wmma.matrix_b", 5, false},
      {"wmma.accumulator", 6, false},
      {"texture", 7, true},
      {"amx.tmm", 8, false},
      {"m16n8k8.matrixA", 9, false},
      {"m16n8k8.matrixB", 10, false},
      {"m16n8k8.matrixC", 11, false},
      {"metal.simdgroup", 12, false},
  };
  if (scope.empty()) return StorageScope{0, {}};
  for (const auto& known : kScopes) {
    if (scope.substr(0, known.name.size()) != known.name) continue;
    const std::string_view rest = scope.substr(known.name.size());
    if (rest.empty()) return StorageScope{known.rank, {}};
    if (known.tagged && rest[0] == '.') return StorageScope{known.rank, rest};
  }
  return std::nullopt;
}

absl::Status CheckStorageScope(const ScheduleState& state, SrefId block, std::string_view scope) {
  if (ParseStorageScope(scope).has_value()) return absl::OkStatus();
  return state.Refuse("The storage scope is not a known one", {block}, std::string(scope));
}

int ThreadRank(std::string_view thread_tag) { return thread_tag.substr(0, 8) == "blockIdx" ? 0 : 1; }

bool RelaxesOver(std::string_view storage_scope, std::string_view thread_tag) {
  if (thread_tag.empty()) return false;
  const std::optional<StorageScope> storage = ParseStorageScope(storage_scope);
  if (!storage.has_value()) return false;
  if (storage->rank == 2) return thread_tag == "threadIdx.x";
  return storage->rank <= ThreadRank(thread_tag);
}

}  // namespace hone::schedule
