#include "records/transform/step_fields.hpp"

#include <algorithm>

namespace weir::steps {

namespace {

// Reads {from: a, to: b}, or {a: b, c: d}.
field_pairs read_pairs(step_arguments& arguments) {
  field_pairs pairs;
  const auto& value = arguments.value();
  if (!value.is_object() || value.empty()) {
    arguments.fail("needs {from: a, to: b} or a mapping of old names to new ones");
    return pairs;
  }
  if (value.contains("from") || value.contains("to")) {
    // One mistyped word must not turn {from: a, to: b} into a mapping of names.
    for (const auto& [key, unused] : value.items())
      if (key != "from" && key != "to")
        arguments.fail("unknown argument " + echo(key)
                       + "; allowed are from, to (a field of such a name is /from, /to)");
    pairs.emplace_back(arguments.field("from"), arguments.field("to"));
    return pairs;
  }
  for (const auto& [from, to] : value.items())
    pairs.emplace_back(arguments.pointer(from), arguments.pointer(to));
  return pairs;
}

// Refuses pairs that feed each other: a mapping has no order, so they could mean two things.
void refuse_chains(const field_pairs& pairs, step_arguments& arguments) {
  for (const auto& left : pairs)
    for (const auto& right : pairs)
      if (&left != &right
          && (left.second.text() == right.first.text()
              || left.second.text() == right.second.text()))
        arguments.fail("the name " + echo(left.second.text())
                       + " occurs twice; use two steps, so that their order is clear");
}

std::string describe_pairs(std::string_view verb, const field_pairs& pairs) {
  std::string text;
  for (const auto& [from, to] : pairs)
    text +=
      (text.empty() ? std::string(verb) + " " : ", ") + from.text() + " to " + to.text();
  return text;
}

void insert(std::vector<keep_step::branch>& level, const field_pointer& field,
            size_t depth) {
  const auto& name = field.tokens()[depth].name;
  auto found =
    std::find_if(level.begin(), level.end(),
                 [&name](const keep_step::branch& b) { return b.name == name; });
  const bool fresh = found == level.end();
  if (fresh)
    found = level.insert(level.end(), {name, {}});
  if (depth + 1 == field.tokens().size())
    found->children.clear();
  else if (fresh || !found->children.empty())
    insert(found->children, field, depth + 1);
}

bool prune(tree_node& node, const std::vector<keep_step::branch>& wanted,
           record_tree& tree);

// True if anything in `f` stays.
bool keeps(field& f, const keep_step::branch& branch, record_tree& tree) {
  if (branch.children.empty())
    return true;
  tree_node* const node = tree.open(f);
  return node && prune(*node, branch.children, tree);
}

bool prune(tree_node& node, const std::vector<keep_step::branch>& wanted,
           record_tree& tree) {
  // Looking for a name leaves one field of it, before the addresses of fields are compared.
  if (!node.is_array)
    for (const auto& branch : wanted)
      (void)node.find(branch.name);
  const field* const first = node.fields().data();
  const auto branch_of = [&](const field& f) {
    return std::find_if(wanted.begin(), wanted.end(), [&](const keep_step::branch& b) {
      return node.is_array ? node.find(b.name) == &f : b.name == f.name;
    });
  };
  node.erase_if([&](field& f) {
    const auto branch = branch_of(f);
    return branch == wanted.end() || !keeps(f, *branch, tree);
  });
  return first && node.size() > 0;
}

} // namespace

rename_step rename_step::compile(step_arguments& arguments) {
  rename_step step{read_pairs(arguments)};
  refuse_chains(step.pairs, arguments);
  return step;
}

verdict rename_step::run(step_run& run) const {
  for (const auto& [from, to] : pairs)
    if (run.tree.rename(from, to) == record_tree::moved::blocked)
      return run.reject_blocked(to);
  return verdict::next;
}

std::string rename_step::describe() const {
  return describe_pairs("rename", pairs);
}

copy_step copy_step::compile(step_arguments& arguments) {
  copy_step step{read_pairs(arguments)};
  refuse_chains(step.pairs, arguments);
  return step;
}

verdict copy_step::run(step_run& run) const {
  for (const auto& [from, to] : pairs)
    if (const field* const source = run.tree.find(from))
      if (!run.tree.put(to, run.tree.detach(source->held)))
        return run.reject_blocked(to);
  return verdict::next;
}

std::string copy_step::describe() const {
  return describe_pairs("copy", pairs);
}

remove_step remove_step::compile(step_arguments& arguments) {
  return {arguments.pointers(arguments.value())};
}

verdict remove_step::run(step_run& run) const {
  for (const auto& field : fields)
    run.tree.erase(field);
  return verdict::next;
}

std::string remove_step::describe() const {
  return "remove " + listed(fields);
}

keep_step keep_step::compile(step_arguments& arguments) {
  keep_step step{arguments.pointers(arguments.value()), {}};
  if (!arguments.failed())
    for (const auto& field : step.fields)
      insert(step.tree, field, 0);
  return step;
}

verdict keep_step::run(step_run& run) const {
  prune(run.tree.root(), tree, run.tree);
  return verdict::next;
}

std::string keep_step::describe() const {
  return "keep only " + listed(fields);
}

} // namespace weir::steps
