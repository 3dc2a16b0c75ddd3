#include "server/space/space_factory.h"

#include <algorithm>
#include <vector>

#include "common/support/status_macros.h"
#include "common/support/strings.h"
#include "common/target/kind.h"
#include "server/space/default_lists.h"

namespace hone {
namespace {

constexpr std::string_view kPostOrderApply = "post-order-apply";
constexpr std::string_view kHone = "hone";
constexpr std::string_view kUnion = "union";

using Generator = std::unique_ptr<SpaceGenerator>;

std::string_view Trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

// "union(a, b)" is called "union" and has the arguments "a" and "b". Parentheses nest.
struct Name {
  std::string_view head;
  std::vector<std::string_view> arguments;
};
absl::StatusOr<Name> Parse(std::string_view text) {
  Name out;
  const size_t open = text.find('(');
  out.head = Trimmed(text.substr(0, open));
  if (open == std::string_view::npos) return out;
  const auto bad = [&] { return absl::InvalidArgumentError(StrCat("space \"", text, "\": unbalanced parentheses")); };
  if (Trimmed(text).back() != ')') return bad();
  std::string_view inside = text.substr(open + 1, text.rfind(')') - open - 1);
  int depth = 0;
  size_t begin = 0;
  for (size_t i = 0; i <= inside.size(); ++i) {
    const char c = i < inside.size() ? inside[i] : ',';
    if (c == '(') ++depth;
    if (c == ')' && --depth < 0) return bad();
    if (c != ',' || (depth != 0 && i < inside.size())) continue;
    out.arguments.push_back(Trimmed(inside.substr(begin, i - begin)));
    begin = i + 1;
  }
  if (depth != 0) return bad();
  return out;
}

absl::Status Unknown(std::string_view text, std::string_view head, const PluginRegistry& plugins) {
  std::vector<std::string_view> known = plugins.SpaceNames();
  known.insert(known.end(), {kPostOrderApply, kHone, kUnion});
  return absl::InvalidArgumentError(
      StrCat("space \"", text, "\" is unknown; the nearest is \"", NearestName(head, known), "\""));
}

class Factory {
 public:
  Factory(const SpaceContext& context, const PluginRegistry& plugins) : context_(context), plugins_(plugins) {}

  absl::StatusOr<Generator> Make(std::string_view text) const {
    HONE_ASSIGN_OR_RETURN(const Name name, Parse(text));
    if (name.head == kUnion) return MakeUnion(name.arguments);
    if ((name.head == kPostOrderApply || name.head == kHone) && name.arguments.size() <= 1) {
      return WithLists(std::make_unique<PostOrderApply>(), name.arguments.empty() ? "" : name.arguments[0],
                       name.head == kHone);
    }
    if (name.arguments.empty()) {
      if (Generator generator = plugins_.MakeNamedSpace(name.head)) return WithLists(std::move(generator), "");
    }
    return Unknown(text, name.head, plugins_);
  }

 private:
  absl::StatusOr<Generator> MakeUnion(std::vector<std::string_view> names) const {
    if (names.empty()) {
      names = plugins_.SpaceNames();
      names.insert(names.begin(), kPostOrderApply);
    }
    std::vector<Generator> parts;
    for (std::string_view name : names) {
      HONE_ASSIGN_OR_RETURN(Generator part, Make(name));
      parts.push_back(std::move(part));
    }
    return WithLists(std::make_unique<SpaceGeneratorUnion>(std::move(parts)), "");
  }

  // Gives the generator the peer's or Hone's lists of `kind` (empty: the target's) with the plug-ins' additions.
  absl::StatusOr<Generator> WithLists(Generator generator, std::string_view kind, bool hone = false) const {
    if (kind.empty()) {
      HONE_ASSIGN_OR_RETURN(kind, RuleKindForSpace(context_.target));
    }
    SpaceLists lists;
    HONE_ASSIGN_OR_RETURN(lists.rules, hone ? HoneScheduleRules(kind) : DefaultScheduleRules(kind));
    HONE_ASSIGN_OR_RETURN(lists.postprocs, hone ? HonePostprocs(kind) : DefaultPostprocs(kind));
    HONE_ASSIGN_OR_RETURN(lists.mutators, DefaultMutators(kind));
    HONE_RETURN_IF_ERROR(plugins_.Extend(context_, lists));
    // A generator that brings lists of its own keeps them.
    if (!generator->has_rules()) generator->SetRules(std::move(lists.rules));
    if (!generator->has_postprocs()) generator->SetPostprocs(std::move(lists.postprocs));
    if (!generator->has_mutators()) generator->SetMutators(std::move(lists.mutators));
    return generator;
  }

  const SpaceContext& context_;
  const PluginRegistry& plugins_;
};

}  // namespace

absl::Status CheckSpaceName(std::string_view text, const PluginRegistry& plugins) {
  HONE_ASSIGN_OR_RETURN(const Name name, Parse(text));
  if (name.head == kUnion) {
    for (std::string_view part : name.arguments) HONE_RETURN_IF_ERROR(CheckSpaceName(part, plugins));
    return absl::OkStatus();
  }
  if (name.head == kPostOrderApply || name.head == kHone) {
    if (name.arguments.empty()) return absl::OkStatus();
    if (name.arguments.size() == 1) return DefaultScheduleRules(name.arguments[0]).status();
  }
  const std::vector<std::string_view> others = plugins.SpaceNames();
  const bool known = std::find(others.begin(), others.end(), name.head) != others.end();
  return known && name.arguments.empty() ? absl::OkStatus() : Unknown(text, name.head, plugins);
}

absl::StatusOr<std::unique_ptr<SpaceGenerator>> MakeSpaceGenerator(std::string_view name, const SpaceContext& context,
                                                                   const ir::IRModule& workload,
                                                                   const PluginRegistry& plugins) {
  HONE_ASSIGN_OR_RETURN(Generator generator, Factory(context, plugins).Make(name));
  HONE_RETURN_IF_ERROR(generator->Initialize(context, workload));
  return generator;
}

}  // namespace hone
