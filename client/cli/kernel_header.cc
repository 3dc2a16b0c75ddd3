#include "client/cli/kernel_header.h"

#include <cctype>
#include <map>

#include "common/support/strings.h"

namespace hone::cli {
namespace {

// float16, bfloat16 and 8-bit floats have no type of their own in C: their bits travel.
std::string CType(const std::string& dtype) {
  static const std::map<std::string, std::string>& types = *new std::map<std::string, std::string>{
      {"float64", "double"},  {"float32", "float"},       {"float16", "uint16_t"},   {"bfloat16", "uint16_t"},
      {"int64", "int64_t"},   {"int32", "int32_t"},       {"int16", "int16_t"},      {"int8", "int8_t"},
      {"uint64", "uint64_t"}, {"uint32", "uint32_t"},     {"uint16", "uint16_t"},    {"uint8", "uint8_t"},
      {"bool", "uint8_t"},    {"e4m3_float8", "uint8_t"}, {"e5m2_float8", "uint8_t"}};
  auto it = types.find(dtype);
  return it == types.end() ? "void" : it->second;
}

std::string Upper(std::string text) {
  for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

}  // namespace

std::string CIdentifier(std::string_view text) {
  std::string name;
  for (char c : text) name += std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
  if (name.empty() || std::isdigit(static_cast<unsigned char>(name[0]))) name = "kernel_" + name;
  return name;
}

std::string KernelHeader(const KernelHeaderInfo& info) {
  const std::string name = CIdentifier(info.name);
  const std::string guard = StrCat("HONE_KERNEL_", Upper(name), "_H");
  std::string text = "// Written by hone. Link with the object and with libgomp (-lgomp) and libm (-lm).\n";
  for (const std::string& note : info.notes) StrAppend(&text, "// ", note, "\n");
  StrAppend(&text, "#ifndef ", guard, "\n#define ", guard, "\n\n#include <stdint.h>\n\n");
  StrAppend(&text, "#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n");
  text += "// buffers[i] is the address of parameter i: its elements row by row without gaps (the last dimension is\n";
  text += "// contiguous), aligned to an element at least; 64 bytes are fastest. No two may overlap.\n";
  for (size_t i = 0; i < info.args.size(); ++i) {
    const KernelParameter& arg = info.args[i];
    StrAppend(&text, "//   ", i, ": ", arg.written ? "out " : "in  ", arg.name, " ", arg.dtype, arg.shape, "\n");
  }
  text += "// Returns 0, or another number when there was no memory or a check of the program failed. Thread-safe.\n";
  StrAppend(&text, "int32_t ", info.symbol, "(void** buffers);\n\n");
  std::string parameters, values;
  for (size_t i = 0; i < info.args.size(); ++i) {
    const KernelParameter& arg = info.args[i];
    const std::string parameter = StrCat("p", i, "_", CIdentifier(arg.name));
    StrAppend(&parameters, i > 0 ? ", " : "", arg.written ? "" : "const ", CType(arg.dtype), "* ", parameter);
    StrAppend(&values, i > 0 ? ", " : "", "(void*)", parameter);
  }
  StrAppend(&text, "static inline int32_t ", name, "(", parameters, ") {\n  void* buffers[] = {", values,
            "};\n  return ", info.symbol, "(buffers);\n}\n\n");
  StrAppend(&text, "#ifdef __cplusplus\n}\n#endif\n\n#endif  // ", guard, "\n");
  return text;
}

}  // namespace hone::cli
