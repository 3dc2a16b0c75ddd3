// Instructions of a trace, and the row that says everything about a kind of instruction.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/status/status.h"
#include "absl/types/span.h"
#include "common/schedule/value.h"

namespace hone::schedule {

class Schedule;

using RvList = absl::InlinedVector<Rv, 16>;

// What a row's apply function gets: the arguments of one instruction with the schedule's own RVs. The loader has
// checked them against the row's signature.
struct Call {
  absl::Span<const Value> inputs;
  absl::Span<const Value> attrs;
  Value decision;  // None when there is none: sample freely.
  // To be filled by the row, in order.
  RvList outputs;
};

enum class Outputs : uint8_t { kNone, kOne, kList, kTwo };

// Arguments of the Python form: name (empty: positional) and value.
using PythonArgs = std::vector<std::pair<std::string_view, std::string>>;
class PythonWriter;

// One kind of instruction. Rows are constants, one beside each primitive; a kind is identified by its row's address.
//
// Signatures describe inputs and attributes, a letter each: b block, l loop, x block or loop, v expr (also an integer,
// None or an expression), n integer (of 32 bits, unless in a list), r 0 or 1 for what a block reads or writes, f
// number, s string, m IndexMap (or its JSON text, as an attribute), a anything, [..] a list of; * after one: any number
// of them (last only); ? after one: or None.
struct InstructionRow {
  std::string_view name;
  bool pure;
  std::string_view inputs;
  std::string_view attrs;
  Outputs outputs;
  char output_kind;  // b, l or v; space when there are none.
  // The method's name in Python.
  std::string_view method;
  // Names of the Python arguments for inputs followed by attributes, comma-separated, an empty name for a positional
  // one. A name with a * collects the remaining inputs into a list. Ignored when `python` is set.
  std::string_view arguments;
  absl::Status (*apply)(Schedule& schedule, Call& call);
  // Writes the arguments, when the plain rule does not serve; else null. `inputs` are the inputs as text; the writer
  // has them as values, too.
  void (*python)(const PythonWriter& writer, absl::Span<const std::string> inputs, absl::Span<const Value> attrs,
                 PythonArgs& out) = nullptr;
  // Attributes (a bit each) that are booleans: the database's text shows true and false, as_json 1 and 0.
  uint32_t bool_attrs = 0;
  // Python shows the attribute (a bit each) as True or False although JSON has 0 or 1.
  uint32_t python_bool_attrs = 0;
};

// The row with this name; null when there is none.
const InstructionRow* FindInstruction(std::string_view name);
// All rows, in the order of the reference's table.
absl::Span<const InstructionRow* const> AllInstructions();

struct Instruction {
  const InstructionRow* row = nullptr;
  ir::Array<Value> inputs;
  ir::Array<Value> attrs;
  ir::Array<Rv> outputs;
  Value decision;  // None: no decision.
};

}  // namespace hone::schedule
