#include "common/script/parser.h"

#include <algorithm>
#include <memory>
#include <vector>

#include "common/ir/well_formed.h"
#include "common/script/builder.h"
#include "common/script/lexer.h"
#include "common/script/python_parser.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"

namespace hone::script {
namespace {

// The printed header is a comment: "# from tvm.script import tir as T". Its prefixes count as imported.
void AddHeaderPrefixes(std::string_view text, Builder& builder) {
  constexpr std::string_view kStart = "# from tvm.script import ";
  while (text.substr(0, 1) == "#") {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (line.substr(0, kStart.size()) != kStart) continue;
    line.remove_prefix(kStart.size());
    const size_t as = line.find(" as ");
    if (as == std::string_view::npos) continue;
    std::string_view alias = line.substr(as + 4);
    while (!alias.empty() && (alias.back() == '\r' || alias.back() == ' ')) alias.remove_suffix(1);
    builder.AddPrefix(alias, line.substr(0, as));
  }
}

}  // namespace

absl::StatusOr<ir::IRModule> ParseModule(std::string_view text, const ParseOptions& options) {
  if (text.size() > options.max_bytes) {
    return absl::InvalidArgumentError(
        ToAbsl(StrCat(options.file_name, ": the text has ", text.size(), " bytes; the limit is ", options.max_bytes)));
  }
  const Source source(text, options.file_name);
  ir::Arena scratch;
  HONE_ASSIGN_OR_RETURN(const std::vector<Token> tokens, Tokenize(source, scratch, options.max_tokens));
  HONE_ASSIGN_OR_RETURN(const Suite file, ParsePython(source, tokens, scratch, options.max_depth));
  auto arena = std::make_shared<ir::Arena>();
  const ir::ArenaScope scope(arena);
  Builder builder(source, scratch, options);
  AddHeaderPrefixes(text, builder);
  HONE_ASSIGN_OR_RETURN(const ir::IRModuleNode* module, builder.Build(file));
  if (options.check_well_formed) {
    for (const auto& [function, at] : builder.checked()) {
      const absl::Status formed = ir::VerifyWellFormed(function);
      if (!formed.ok()) return source.Error(at, StrCat("the function is not well formed: ", ToStd(formed.message())));
    }
  }
  return ir::IRModule(std::move(arena), module);
}

}  // namespace hone::script
