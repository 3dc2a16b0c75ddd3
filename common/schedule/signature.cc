#include "common/schedule/signature.h"

#include "common/support/status_macros.h"
#include "common/support/strings.h"

namespace hone::schedule {
namespace {

struct Element {
  std::string_view inner;  // Of a list: the signature of its elements; else the letter.
  bool list = false;
  bool repeated = false;
  bool optional = false;
};

Element NextElement(std::string_view& rest) {
  Element out;
  if (rest[0] == '[') {
    const size_t end = rest.find(']');
    out.inner = rest.substr(1, end - 1);
    out.list = true;
    rest.remove_prefix(end + 1);
  } else {
    out.inner = rest.substr(0, 1);
    rest.remove_prefix(1);
  }
  if (!rest.empty() && rest[0] == '*') {
    out.repeated = true;
    rest.remove_prefix(1);
  } else if (!rest.empty() && rest[0] == '?') {
    out.optional = true;
    rest.remove_prefix(1);
  }
  return out;
}

bool Fits(char letter, const Value& value, absl::FunctionRef<char(Rv)> kind_of) {
  const char rv = value.is(Value::Kind::kRv) ? kind_of(value.rv()) : ' ';
  switch (letter) {
    case 'b':
    case 'l':
      return rv == letter;
    case 'x':
      return rv == 'b' || rv == 'l';
    case 'v':
      return rv == 'v' || value.is_integral() || value.is_none() || value.is(Value::Kind::kExpr);
    case 'n':
      return value.is_integral();
    case 'r':
      return value.is_integral() && (value.integer() == 0 || value.integer() == 1);
    case 'f':
      return value.is_integral() || value.is(Value::Kind::kFloat);
    case 's':
      return value.is(Value::Kind::kString);
    case 'm':
      return value.is(Value::Kind::kIndexMap);
    default:
      return true;
  }
}

std::string_view NameOf(char letter) {
  switch (letter) {
    case 'b':
      return "a block";
    case 'l':
      return "a loop";
    case 'x':
      return "a block or loop";
    case 'v':
      return "a number, a number variable or None";
    case 'n':
      return "an integer";
    case 'r':
      return "0 (read) or 1 (write)";
    case 'f':
      return "a number";
    case 's':
      return "a string";
    case 'm':
      return "an index map";
    default:
      return "a value";
  }
}

absl::Status CheckOne(const Element& element, const Value& value, std::string_view what, size_t index,
                      absl::FunctionRef<char(Rv)> kind_of) {
  if (element.optional && value.is_none()) return absl::OkStatus();
  if (!element.list) {
    const bool wide =
        element.inner[0] == 'n' && value.is_integral() && value.integer() != static_cast<int32_t>(value.integer());
    if (wide)
      return absl::InvalidArgumentError(StrCat(what, " ", index, ": ", value.integer(), " needs more than 32 bits"));
    if (Fits(element.inner[0], value, kind_of)) return absl::OkStatus();
    return absl::InvalidArgumentError(StrCat(what, " ", index, ": expected ", NameOf(element.inner[0])));
  }
  if (!value.is(Value::Kind::kList)) return absl::InvalidArgumentError(StrCat(what, " ", index, ": expected a list"));
  for (const Value& item : value.list()) {
    if (!Fits(element.inner[0], item, kind_of)) {
      return absl::InvalidArgumentError(StrCat(what, " ", index, ": expected a list of ", NameOf(element.inner[0])));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckAll(std::string_view signature, ir::Array<Value> values, std::string_view what,
                      absl::FunctionRef<char(Rv)> kind_of) {
  size_t next = 0;
  while (!signature.empty()) {
    const Element element = NextElement(signature);
    do {
      if (next >= values.size()) {
        if (element.repeated) return absl::OkStatus();
        return absl::InvalidArgumentError(StrCat("expected more ", what, "s than ", values.size()));
      }
      HONE_RETURN_IF_ERROR(CheckOne(element, values[next], what, next, kind_of));
      ++next;
    } while (element.repeated);
  }
  if (next < values.size())
    return absl::InvalidArgumentError(StrCat("expected ", next, " ", what, "s, got ", values.size()));
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckSignature(const InstructionRow& row, ir::Array<Value> inputs, ir::Array<Value> attrs,
                            absl::FunctionRef<char(Rv)> kind_of) {
  HONE_RETURN_IF_ERROR(CheckAll(row.inputs, inputs, "input", kind_of));
  return CheckAll(row.attrs, attrs, "attribute", kind_of);
}

absl::Status CheckDecision(const Value& decision) {
  bool fits = decision.is_none() || decision.is_integral();
  if (decision.is(Value::Kind::kList)) {
    fits = true;
    for (const Value& item : decision.list()) fits = fits && item.is_integral();
  }
  return fits ? absl::OkStatus() : absl::InvalidArgumentError("a decision is an integer or a list of integers");
}

char SignatureLetter(std::string_view signature, size_t index) {
  for (size_t i = 0; !signature.empty(); ++i) {
    const Element element = NextElement(signature);
    if (i == index || (element.repeated && i <= index)) return element.list ? ' ' : element.inner[0];
  }
  return ' ';
}

}  // namespace hone::schedule
