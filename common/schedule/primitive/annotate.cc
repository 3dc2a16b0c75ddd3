#include "common/schedule/primitive/annotate.h"

#include <vector>

#include "common/schedule/primitive/apply.h"
#include "common/schedule/schedule.h"
#include "common/schedule/trace_python.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"

namespace hone::schedule {
namespace {

const ir::Attrs& AttrsOf(const ScheduleState& state, SrefId id) {
  const ir::BlockNode* block = state.block(id);
  return block != nullptr ? block->annotations : state.loop(id)->annotations;
}

void SetAttrs(ScheduleState& state, SrefId id, const ir::Attrs& attrs) {
  if (const ir::BlockNode* block = state.block(id)) {
    auto* copy = ir::CopyNode(block);
    copy->annotations = attrs;
    state.ReplaceShallow(id, copy);
  } else {
    auto* copy = ir::CopyNode(state.loop(id));
    copy->annotations = attrs;
    state.ReplaceShallow(id, copy);
  }
}

// The IR's form of an annotation value; `depth` counts the lists and maps around it.
absl::StatusOr<const ir::Object*> ToObject(const Schedule& schedule, const Value& value, int depth) {
  switch (value.kind()) {
    case Value::Kind::kInt:
      if (value.integer() != static_cast<int32_t>(value.integer())) {
        return absl::InvalidArgumentError(StrCat("annotation value: ", value.integer(), " needs more than 32 bits"));
      }
      return ir::AnnotationInt(value.integer());
    case Value::Kind::kBool:
      return ir::AnnotationBool(value.integer() != 0);
    case Value::Kind::kFloat:
      return ir::AnnotationFloat(value.number());
    case Value::Kind::kString:
      return ir::String(value.text());
    case Value::Kind::kRv:
    case Value::Kind::kExpr: {
      HONE_ASSIGN_OR_RETURN(const int64_t number, schedule.Evaluate(value));
      return ir::AnnotationInt(number);
    }
    case Value::Kind::kList: {
      std::vector<const ir::Object*> items;
      for (const Value& item : value.list()) {
        HONE_ASSIGN_OR_RETURN(const ir::Object* object, ToObject(schedule, item, depth + 1));
        items.push_back(object);
      }
      return ir::ObjectArray(ir::MakeArray(items));
    }
    case Value::Kind::kMap: {
      if (depth > 0) break;
      ir::Attrs entries;
      for (const ValueEntry& entry : value.map()) {
        HONE_ASSIGN_OR_RETURN(const ir::Object* object, ToObject(schedule, entry.value, depth + 1));
        entries = entries.With(entry.key, object);
      }
      return ir::Map(entries);
    }
    case Value::Kind::kNone:
    case Value::Kind::kIndexMap:
      break;
  }
  return absl::InvalidArgumentError("annotation value: expected a number, a string, a list or a map of these");
}

}  // namespace

void Annotate(ScheduleState& state, SrefId id, std::string_view key, const ir::Object* value) {
  const ir::Attrs& attrs = AttrsOf(state, id);
  if (!attrs.Has(key)) SetAttrs(state, id, attrs.With(key, value));
}

absl::Status Unannotate(ScheduleState& state, SrefId id, std::string_view key) {
  const ir::Attrs& attrs = AttrsOf(state, id);
  if (!attrs.Has(key)) return absl::InvalidArgumentError(StrCat("annotation \"", key, "\": not there"));
  SetAttrs(state, id, attrs.Without(key));
  return absl::OkStatus();
}

absl::Status Schedule::Annotate(BlockOrLoopRv block_or_loop, std::string_view key, const Value& value) {
  const PrimitiveScope scope(*this, kAnnotateRow);
  HONE_ASSIGN_OR_RETURN(const SrefId id, SrefOf(block_or_loop));
  HONE_ASSIGN_OR_RETURN(const ir::Object* object, ToObject(*this, value, 0));
  schedule::Annotate(state_, id, key, object);
  Record(kAnnotateRow, {Value::OfRv(block_or_loop), value}, {Value::String(key)}, {});
  return absl::OkStatus();
}

absl::Status Schedule::Unannotate(BlockOrLoopRv block_or_loop, std::string_view key) {
  const PrimitiveScope scope(*this, kUnannotateRow);
  HONE_ASSIGN_OR_RETURN(const SrefId id, SrefOf(block_or_loop));
  HONE_RETURN_IF_ERROR(schedule::Unannotate(state_, id, key));
  Record(kUnannotateRow, {Value::OfRv(block_or_loop)}, {Value::String(key)}, {});
  return absl::OkStatus();
}

namespace {

// The key comes before the value, although it is the attribute.
void AnnotatePython(const PythonWriter& writer, absl::Span<const std::string> inputs, absl::Span<const Value> attrs,
                    PythonArgs& out) {
  out.emplace_back("block_or_loop", inputs[0]);
  out.emplace_back("ann_key", writer.Attr(attrs[0]));
  out.emplace_back("ann_val", inputs[1]);
}

}  // namespace

const InstructionRow kAnnotateRow = {
    .name = "Annotate",
    .pure = false,
    .inputs = "xa",
    .attrs = "s",
    .outputs = Outputs::kNone,
    .output_kind = ' ',
    .method = "annotate",
    .arguments = "",
    .apply = [](Schedule& s, Call& c) { return s.Annotate(BlockOrLoopOf(c, 0), c.attrs[0].text(), c.inputs[1]); },
    .python = AnnotatePython};

const InstructionRow kUnannotateRow = {
    .name = "Unannotate",
    .pure = false,
    .inputs = "x",
    .attrs = "s",
    .outputs = Outputs::kNone,
    .output_kind = ' ',
    .method = "unannotate",
    .arguments = "block_or_loop,ann_key",
    .apply = [](Schedule& s, Call& c) { return s.Unannotate(BlockOrLoopOf(c, 0), c.attrs[0].text()); }};

}  // namespace hone::schedule
