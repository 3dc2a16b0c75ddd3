#include "common/schedule/state.h"

#include <algorithm>
#include <string>

#include "common/ir/well_formed.h"
#include "common/schedule/state_builder.h"
#include "common/support/check.h"
#include "common/support/strings.h"

namespace hone::schedule {

using ir::ArenaScope;
using ir::BlockNode;
using ir::BlockRealizeNode;
using ir::ForNode;
using ir::PrimFuncNode;
using ir::SeqNode;
using ir::Stmt;
using ir::StmtNode;

absl::StatusOr<ScheduleState> ScheduleState::Create(const ir::IRModule& module) {
  ScheduleState state;
  state.arena_ = std::make_shared<ir::Arena>();
  state.arena_->KeepAlive(module.arena());
  ArenaScope scope(state.arena_);
  state.original_ = module.get();
  state.module_ = module.get();
  state.nodes_.reserve(64);
  for (const ir::ModuleEntry& entry : module->functions) {
    const auto* func = ir::As<PrimFuncNode>(entry.function);
    if (func == nullptr) continue;
    Function out{entry.var, func, kNoSref};
    if (const absl::Status formed = ir::VerifyWellFormed(func); !formed.ok()) {
      return absl::Status(formed.code(),
                          StrCat("function \"", entry.var->name, "\" is not well formed: ", ToStd(formed.message())));
    }
    if (const auto* realize = func->body.as<BlockRealizeNode>()) {
      if (!realize->block->iter_vars.empty()) {
        return absl::InvalidArgumentError(StrCat("the body of function \"", entry.var->name, "\" is block \"",
                                                 realize->block->name, "\" with iters, expected a root block without"));
      }
      StateBuilder builder(state.nodes_, {});
      builder.Build(realize, kNoSref);
      out.root = builder.first();
    }
    state.functions_.push_back(out);
  }
  for (const Function& function : state.functions_) {
    if (function.root != kNoSref) state.RecomputeFlags(function.root);
  }
  return state;
}

ScheduleState::ScheduleState(const ScheduleState& other)
    : arena_(std::make_shared<ir::Arena>()),
      original_(other.original_),
      functions_(other.functions_),
      unsettled_(other.unsettled_),
      flag_memo_(other.flag_memo_),
      enable_check_(other.enable_check_),
      module_(other.module_) {
  arena_->KeepAlive(other.arena_);
  nodes_.reserve(other.nodes_.size() + 160);
  nodes_ = other.nodes_;
}

ir::IRModule ScheduleState::module() const {
  if (module_ == nullptr) {
    ArenaScope scope(arena_);
    std::vector<ir::ModuleEntry> entries;
    entries.reserve(original_->functions.size());
    for (const ir::ModuleEntry& entry : original_->functions) {
      const ir::Object* function = entry.function;
      for (const Function& mine : functions_) {
        if (mine.var != entry.var || mine.root == kNoSref) continue;
        auto* copy = ir::CopyNode(mine.header);
        copy->body = nodes_[mine.root].realize;
        function = copy;
      }
      entries.push_back({entry.var, function});
    }
    module_ = ir::MakeModuleNode(std::move(entries), original_->attrs, original_->global_infos);
  }
  return ir::IRModule(arena_, module_);
}

SrefId ScheduleState::RootOf(std::string_view function) const {
  for (const Function& f : functions_) {
    if (f.var->name == function) return f.root;
  }
  return kNoSref;
}

static SrefId Topmost(const std::vector<Sref>& nodes, SrefId id) {
  while (nodes[id].parent != kNoSref) id = nodes[id].parent;
  return id;
}

std::string_view ScheduleState::FunctionOf(SrefId id) const {
  const SrefId root = Topmost(nodes_, id);
  for (const Function& f : functions_) {
    if (f.root == root) return f.var->name;
  }
  return {};
}

const PrimFuncNode* ScheduleState::PrimFuncOf(SrefId id) const {
  const SrefId root = Topmost(nodes_, id);
  for (const Function& f : functions_) {
    if (f.root == root) return f.header;
  }
  return nullptr;
}

std::vector<std::string_view> ScheduleState::FunctionNames() const {
  std::vector<std::string_view> names;
  for (const Function& f : functions_) {
    if (f.root != kNoSref) names.push_back(f.var->name);
  }
  return names;
}

SrefId ScheduleState::Find(const StmtNode* stmt, SrefId below) const {
  if (nodes_[below].stmt == stmt) return below;
  for (SrefId c = nodes_[below].first_child; c != kNoSref; c = nodes_[c].next_sibling) {
    const SrefId found = Find(stmt, c);
    if (found != kNoSref) return found;
  }
  return kNoSref;
}

SrefId ScheduleState::Find(const StmtNode* stmt) const {
  for (const Function& f : functions_) {
    if (f.root == kNoSref) continue;
    const SrefId found = Find(stmt, f.root);
    if (found != kNoSref) return found;
  }
  return kNoSref;
}

void ScheduleState::SetFlags(SrefId block, bool affine, bool cover, bool pipeline) {
  Settle();
  nodes_[block].affine_binding = affine;
  nodes_[block].region_cover = cover;
  nodes_[block].stage_pipeline = pipeline;
}

absl::Status ScheduleState::Refuse(std::string_view message, std::initializer_list<SrefId> nodes,
                                   std::string extra) const {
  refusal_.message = message;
  refusal_.nodes.assign(nodes.begin(), nodes.end());
  refusal_.extra = std::move(extra);
  return absl::FailedPreconditionError(ToAbsl(message));
}

// The statement that holds the node in its parent: the loop, or the realize of the block.
const StmtNode* ScheduleState::Container(SrefId id) const {
  const Sref& node = nodes_[id];
  return node.realize != nullptr ? static_cast<const StmtNode*>(node.realize) : node.stmt;
}

// The dependencies of the nearest block at or above `below` are unknown from now on.
void ScheduleState::ForgetScope(SrefId below) {
  for (SrefId id = below; id != kNoSref; id = nodes_[id].parent) {
    if (nodes_[id].realize == nullptr) continue;
    nodes_[id].scope = nullptr;
    return;
  }
}

namespace {

// A sequence without its entry `at` (null `with`), or with that entry replaced and flattened.
Stmt WithEntry(const SeqNode* seq, size_t at, Stmt with) {
  if (with && with.as<SeqNode>() == nullptr) {
    auto* copy = ir::CopyNode(seq);
    Stmt* entries = static_cast<Stmt*>(ir::Arena::Current().Allocate(sizeof(Stmt) * seq->seq.size()));
    std::copy(seq->seq.begin(), seq->seq.end(), entries);
    entries[at] = with;
    copy->seq = ir::Array<Stmt>(entries, seq->seq.size());
    return copy;
  }
  std::vector<Stmt> entries = seq->seq.ToVector();
  if (with) {
    entries[at] = with;
  } else {
    entries.erase(entries.begin() + static_cast<std::ptrdiff_t>(at));
  }
  return ir::MakeSeq(entries);
}

Stmt ReplaceInside(Stmt body, const StmtNode* container, int hint, Stmt with);

template <typename T>
Stmt WithBody(const T* node, const StmtNode* container, int hint, Stmt with) {
  const Stmt body = ReplaceInside(node->body, container, hint, with);
  if (body == node->body) return node;
  auto* copy = ir::CopyNode(node);
  copy->body = body;
  return copy;
}

// `body` with `container` replaced; `body` itself when it is not there. Does not look into loops and blocks.
Stmt ReplaceInside(Stmt body, const StmtNode* container, int hint, Stmt with) {
  if (!body) return body;
  if (body.get() == container) return with;
  switch (body.kind()) {
    case ir::StmtKind::kSeq: {
      const auto* seq = body.as<SeqNode>();
      const auto at = static_cast<size_t>(hint);
      if (hint >= 0 && at < seq->seq.size() && seq->seq[at].get() == container) return WithEntry(seq, at, with);
      for (size_t i = 0; i < seq->seq.size(); ++i) {
        const Stmt entry = ReplaceInside(seq->seq[i], container, hint, with);
        if (!(entry == seq->seq[i])) return WithEntry(seq, i, entry);
      }
      return body;
    }
    case ir::StmtKind::kLetStmt:
      return WithBody(body.as<ir::LetStmtNode>(), container, hint, with);
    case ir::StmtKind::kAttrStmt:
      return WithBody(body.as<ir::AttrStmtNode>(), container, hint, with);
    case ir::StmtKind::kAssertStmt:
      return WithBody(body.as<ir::AssertStmtNode>(), container, hint, with);
    case ir::StmtKind::kBufferRealize:
      return WithBody(body.as<ir::BufferRealizeNode>(), container, hint, with);
    case ir::StmtKind::kAllocate:
      return WithBody(body.as<ir::AllocateNode>(), container, hint, with);
    case ir::StmtKind::kAllocateConst:
      return WithBody(body.as<ir::AllocateConstNode>(), container, hint, with);
    case ir::StmtKind::kDeclBuffer:
      return WithBody(body.as<ir::DeclBufferNode>(), container, hint, with);
    case ir::StmtKind::kWhile:
      return WithBody(body.as<ir::WhileNode>(), container, hint, with);
    case ir::StmtKind::kIfThenElse: {
      const auto* node = body.as<ir::IfThenElseNode>();
      const Stmt then_case = ReplaceInside(node->then_case, container, hint, with);
      const Stmt else_case =
          then_case == node->then_case ? ReplaceInside(node->else_case, container, hint, with) : node->else_case;
      if (then_case == node->then_case && else_case == node->else_case) return body;
      return ir::MakeIfThenElse(node->condition, then_case, else_case);
    }
    case ir::StmtKind::kBufferStore:
    case ir::StmtKind::kEvaluate:
    case ir::StmtKind::kFor:
    case ir::StmtKind::kBlock:
    case ir::StmtKind::kBlockRealize:
      return body;
  }
  return body;
}

}  // namespace

// Copies `p` and what is above it, with `container` replaced in the body of `p`; `hint` is its position there.
void ScheduleState::CopyAncestors(SrefId p, int hint, const StmtNode* container, Stmt replacement) {
  module_ = nullptr;
  for (; p != kNoSref; p = nodes_[p].parent) {
    Sref& node = nodes_[p];
    const StmtNode* old_container = Container(p);
    if (node.realize != nullptr) {
      auto* block = ir::CopyNode(static_cast<const BlockNode*>(node.stmt));
      block->body = ReplaceInside(block->body, container, hint, replacement);
      auto* realize = ir::CopyNode(node.realize);
      realize->block = block;
      node.stmt = block;
      node.realize = realize;
      replacement = realize;
    } else {
      auto* loop = ir::CopyNode(static_cast<const ForNode*>(node.stmt));
      loop->body = ReplaceInside(loop->body, container, hint, replacement);
      node.stmt = loop;
      replacement = loop;
    }
    container = old_container;
    hint = node.seq_index;
  }
}

// The child of the parent of `id` that comes before it, or kNoSref.
SrefId ScheduleState::Before(SrefId id) const {
  const SrefId parent = nodes_[id].parent;
  if (parent == kNoSref || nodes_[parent].first_child == id) return kNoSref;
  SrefId before = nodes_[parent].first_child;
  while (nodes_[before].next_sibling != id) before = nodes_[before].next_sibling;
  return before;
}

// Lets `next` follow `before` (kNoSref: be the first) among the children of `parent`.
void ScheduleState::LinkAfter(SrefId parent, SrefId before, SrefId next) {
  if (before != kNoSref) {
    nodes_[before].next_sibling = next;
  } else if (parent != kNoSref) {
    nodes_[parent].first_child = next;
  }
}

namespace {

// Gives the loops and blocks directly in `stmt` their positions; `next` runs over the children in program order.
void ReindexIn(std::vector<Sref>& nodes, Stmt stmt, int seq_index, SrefId& next) {
  ForEachDirectChild(stmt, seq_index, [&](Stmt, int index) {
    nodes[next].seq_index = index;
    next = nodes[next].next_sibling;
  });
}

}  // namespace

void ScheduleState::Reindex(SrefId parent) {
  if (parent == kNoSref) return;
  SrefId next = nodes_[parent].first_child;
  const Sref& node = nodes_[parent];
  ReindexIn(nodes_, node.realize != nullptr ? node.block()->body : node.loop()->body, -1, next);
}

SrefId ScheduleState::Replace(SrefId id, Stmt stmt, absl::Span<const BlockReuse> reuse) {
  Settle();
  HONE_CHECK(nodes_[id].alive()) << "replacing an expired node";
  const StmtNode* container = Container(id);
  if (stmt.get() == container) return id;
  const SrefId parent = nodes_[id].parent;
  const SrefId before = Before(id);
  const SrefId next = nodes_[id].next_sibling;
  const int seq_index = nodes_[id].seq_index;
  StateBuilder builder(nodes_, reuse);
  builder.CollectOld(id);
  if (detached_ != kNoSref) builder.CollectOld(detached_);
  builder.Build(stmt, parent, seq_index);
  const bool any = builder.first() != kNoSref;
  LinkAfter(parent, before, any ? builder.first() : next);
  if (any) nodes_[builder.last()].next_sibling = next;
  CopyAncestors(parent, seq_index, container, stmt);
  builder.ExpireRest();
  detached_ = kNoSref;
  if (builder.blocks_changed()) ForgetScope(parent);
  if (stmt.as<SeqNode>() != nullptr) Reindex(parent);
  return builder.first();
}

void ScheduleState::ReplaceBlock(SrefId id, const BlockNode* block, absl::Span<const BlockReuse> reuse) {
  const auto* old = nodes_[id].block();
  if (old == block) return;
  auto* realize = ir::CopyNode(nodes_[id].realize);
  realize->block = block;
  absl::InlinedVector<BlockReuse, 8> all(reuse.begin(), reuse.end());
  all.emplace_back(old, block);
  Replace(id, realize, all);
}

void ScheduleState::Remove(SrefId id, SrefId keep) {
  Settle();
  const SrefId parent = nodes_[id].parent;
  HONE_CHECK(parent != kNoSref) << "removing a root block";
  CopyAncestors(parent, nodes_[id].seq_index, Container(id), Stmt());
  LinkAfter(parent, Before(id), nodes_[id].next_sibling);
  ForgetScope(parent);
  if (keep != kNoSref) {
    if (keep != id) LinkAfter(nodes_[keep].parent, Before(keep), nodes_[keep].next_sibling);
    nodes_[keep].parent = kNoSref;
    nodes_[keep].next_sibling = kNoSref;
    nodes_[keep].seq_index = -1;
    detached_ = keep;
  }
  if (id != keep) ExpireSubtree(nodes_, id);
  Reindex(parent);
}

void ScheduleState::ReplaceShallow(SrefId id, const StmtNode* stmt) {
  if (nodes_[id].realize == nullptr) {
    Settle();
  } else {
    // No flag depends on more than the regions of a block.
    const auto* block = static_cast<const BlockNode*>(stmt);
    if (!nodes_[id].block()->reads.same_as(block->reads) || !nodes_[id].block()->writes.same_as(block->writes))
      Settle();
  }
  const StmtNode* container = Container(id);
  Sref& node = nodes_[id];
  if (node.stmt == stmt) return;
  if (node.realize != nullptr) {
    const auto* old = node.block();
    const auto* block = static_cast<const BlockNode*>(stmt);
    if (!old->reads.same_as(block->reads) || !old->writes.same_as(block->writes)) ForgetScope(node.parent);
    auto* realize = ir::CopyNode(node.realize);
    realize->block = block;
    node.realize = realize;
  }
  node.stmt = stmt;
  CopyAncestors(node.parent, node.seq_index, container, Container(id));
}

void ScheduleState::ReplaceRealize(SrefId id, const BlockRealizeNode* realize) {
  Settle();
  const StmtNode* container = Container(id);
  HONE_CHECK(realize->block == nodes_[id].stmt) << "ReplaceRealize changes bindings only";
  nodes_[id].realize = realize;
  CopyAncestors(nodes_[id].parent, nodes_[id].seq_index, container, realize);
}

void ScheduleState::ReplaceFunctionHeader(SrefId root, const PrimFuncNode* header) {
  for (Function& f : functions_) {
    if (f.root == root) f.header = header;
  }
  module_ = nullptr;
}

void ScheduleState::VerifyTree() const {
  std::vector<std::pair<SrefId, Stmt>> todo;
  for (const Function& f : functions_) {
    if (f.root == kNoSref) continue;
    HONE_CHECK(nodes_[f.root].parent == kNoSref) << "root with a parent";
    HONE_CHECK(nodes_[f.root].realize->block == nodes_[f.root].stmt) << "stale realize of a root";
    todo.emplace_back(f.root, Stmt(nodes_[f.root].realize));
  }
  while (!todo.empty()) {
    const auto [id, stmt] = todo.back();
    todo.pop_back();
    const Sref& node = nodes_[id];
    HONE_CHECK(Container(id) == stmt.get()) << "node " << id << " is stale";
    HONE_CHECK(node.realize == nullptr || node.realize->block == node.stmt) << "node " << id << ": stale block";
    SrefId next = node.first_child;
    const SrefId parent = id;
    ForEachDirectChild(node.realize != nullptr ? node.block()->body : node.loop()->body, -1,
                       [&](Stmt child, int index) {
                         HONE_CHECK(next != kNoSref) << "node " << parent << " misses a child";
                         HONE_CHECK(nodes_[next].parent == parent) << "node " << next << ": wrong parent";
                         HONE_CHECK(nodes_[next].seq_index == index) << "node " << next << ": wrong position";
                         todo.emplace_back(next, child);
                         next = nodes_[next].next_sibling;
                       });
    HONE_CHECK(next == kNoSref) << "node " << id << " has a child too many";
  }
}

}  // namespace hone::schedule
