#include "common/schedule/primitive/lookup.h"

#include <string>

#include "common/schedule/analysis.h"
#include "common/schedule/primitive/apply.h"
#include "common/schedule/schedule.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"

namespace hone::schedule {
namespace {

// Returns the number of matches, stopping at two.
int CountMatches(const ScheduleState& state, SrefId id, std::string_view name, SrefId* found) {
  int count = 0;
  if (const ir::BlockNode* block = state.block(id); block != nullptr && block->name == name) {
    *found = id;
    ++count;
  }
  for (SrefId c = state.at(id).first_child; c != kNoSref && count < 2; c = state.at(c).next_sibling) {
    count += CountMatches(state, c, name, found);
  }
  return count;
}

}  // namespace

absl::StatusOr<SrefId> FindBlock(const ScheduleState& state, std::string_view name, std::string_view function) {
  const SrefId root = state.RootOf(function);
  SrefId found = kNoSref;
  const int count = root == kNoSref ? 0 : CountMatches(state, root, name, &found);
  if (count == 1) return found;
  return state.Refuse(count == 0 ? "Cannot find a block with the name" : "Found multiple blocks with the name", {},
                      std::string(name));
}

SrefList OutputBlocks(const ScheduleState& state, SrefId scope_block) {
  SrefList out;
  for (SrefId block : AllBlocksBelow(state, scope_block)) {
    if (IsOutputBlock(state, block, ScopeRootOf(state, block))) out.push_back(block);
  }
  return out;
}

// ---- methods

absl::StatusOr<BlockRv> Schedule::GetBlock(std::string_view name, std::string_view function) {
  const PrimitiveScope scope(*this, kGetBlockRow);
  if (function.empty()) function = working_on_;
  if (function.empty()) {
    return absl::InvalidArgumentError("get_block: the function to work on is not known; give its name");
  }
  HONE_ASSIGN_OR_RETURN(const SrefId id, FindBlock(state_, name, function));
  const BlockRv out = NewBlockRv(id);
  Record(kGetBlockRow, {}, {Value::String(name), Value::String(function)}, {out});
  return out;
}

absl::StatusOr<LoopRvs> Schedule::GetLoops(BlockRv block) {
  const PrimitiveScope scope(*this, kGetLoopsRow);
  HONE_ASSIGN_OR_RETURN(const SrefId id, SrefOf(block));
  LoopRvs out;
  for (SrefId loop : LoopsAbove(state_, id)) out.push_back(NewLoopRv(loop));
  Record(kGetLoopsRow, {Value::OfRv(block)}, {}, RvsOf(out));
  return out;
}

absl::StatusOr<BlockRvs> Schedule::GetChildBlocks(BlockOrLoopRv block_or_loop) {
  const PrimitiveScope scope(*this, kGetChildBlocksRow);
  HONE_ASSIGN_OR_RETURN(const SrefId id, SrefOf(block_or_loop));
  BlockRvs out;
  for (SrefId child : ChildBlocks(state_, id)) out.push_back(NewBlockRv(child));
  Record(kGetChildBlocksRow, {Value::OfRv(block_or_loop)}, {}, RvsOf(out));
  return out;
}

absl::StatusOr<BlockRvs> Schedule::GetProducers(BlockRv block) {
  const PrimitiveScope scope(*this, kGetProducersRow);
  HONE_ASSIGN_OR_RETURN(const SrefId id, SrefOf(block));
  HONE_RETURN_IF_ERROR(RequireScopeRoot(state_, id).status());
  BlockRvs out;
  for (SrefId producer : Producers(state_, id)) out.push_back(NewBlockRv(producer));
  Record(kGetProducersRow, {Value::OfRv(block)}, {}, RvsOf(out));
  return out;
}

absl::StatusOr<BlockRvs> Schedule::GetConsumers(BlockRv block) {
  const PrimitiveScope scope(*this, kGetConsumersRow);
  HONE_ASSIGN_OR_RETURN(const SrefId id, SrefOf(block));
  HONE_RETURN_IF_ERROR(RequireScopeRoot(state_, id).status());
  BlockRvs out;
  for (SrefId consumer : Consumers(state_, id)) out.push_back(NewBlockRv(consumer));
  Record(kGetConsumersRow, {Value::OfRv(block)}, {}, RvsOf(out));
  return out;
}

absl::StatusOr<BlockRvs> Schedule::GetOutputBlocks(BlockRv scope_block) {
  const PrimitiveScope scope(*this, kGetOutputBlocksRow);
  HONE_ASSIGN_OR_RETURN(const SrefId id, SrefOf(scope_block));
  BlockRvs out;
  for (SrefId block : OutputBlocks(state_, id)) out.push_back(NewBlockRv(block));
  Record(kGetOutputBlocksRow, {Value::OfRv(scope_block)}, {}, RvsOf(out));
  return out;
}

// ---- rows

const InstructionRow kGetBlockRow = {
    .name = "GetBlock",
    .pure = true,
    .inputs = "",
    .attrs = "ss",
    .outputs = Outputs::kOne,
    .output_kind = 'b',
    .method = "get_block",
    .arguments = "name,func_name",
    .apply = [](Schedule& s, Call& c) { return Put(s.GetBlock(c.attrs[0].text(), c.attrs[1].text()), c); }};

const InstructionRow kGetLoopsRow = {
    .name = "GetLoops",
    .pure = true,
    .inputs = "b",
    .attrs = "",
    .outputs = Outputs::kList,
    .output_kind = 'l',
    .method = "get_loops",
    .arguments = "block",
    .apply = [](Schedule& s, Call& c) { return PutAll(s.GetLoops(BlockOf(c, 0)), c); }};

const InstructionRow kGetChildBlocksRow = {
    .name = "GetChildBlocks",
    .pure = true,
    .inputs = "x",
    .attrs = "",
    .outputs = Outputs::kList,
    .output_kind = 'b',
    .method = "get_child_blocks",
    .arguments = "",
    .apply = [](Schedule& s, Call& c) { return PutAll(s.GetChildBlocks(BlockOrLoopOf(c, 0)), c); }};

const InstructionRow kGetProducersRow = {
    .name = "GetProducers",
    .pure = true,
    .inputs = "b",
    .attrs = "",
    .outputs = Outputs::kList,
    .output_kind = 'b',
    .method = "get_producers",
    .arguments = "block",
    .apply = [](Schedule& s, Call& c) { return PutAll(s.GetProducers(BlockOf(c, 0)), c); }};

const InstructionRow kGetConsumersRow = {
    .name = "GetConsumers",
    .pure = true,
    .inputs = "b",
    .attrs = "",
    .outputs = Outputs::kList,
    .output_kind = 'b',
    .method = "get_consumers",
    .arguments = "block",
    .apply = [](Schedule& s, Call& c) { return PutAll(s.GetConsumers(BlockOf(c, 0)), c); }};

const InstructionRow kGetOutputBlocksRow = {
    .name = "GetOutputBlocks",
    .pure = true,
    .inputs = "b",
    .attrs = "",
    .outputs = Outputs::kList,
    .output_kind = 'b',
    .method = "get_output_blocks",
    .arguments = "block",
    .apply = [](Schedule& s, Call& c) { return PutAll(s.GetOutputBlocks(BlockOf(c, 0)), c); }};

}  // namespace hone::schedule
