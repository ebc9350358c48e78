#include "records/plan.hpp"

#include "records/plan_program.hpp"
#include "records/plan_text.hpp"

#include <nlohmann/json.hpp>

namespace weir {

class plan_scratch {
 public:
  explicit plan_scratch(uint64_t seed) : tree(memory), chance(seed) {}

  steps::arena memory;
  steps::record_tree tree;
  random_source chance;
  std::string buffer;
};

void plan_scratch_deleter::operator()(plan_scratch* scratch) const noexcept {
  delete scratch;
}

plan_scratch_ptr make_plan_scratch(uint64_t seed) {
  return plan_scratch_ptr{new plan_scratch(seed)};
}

struct plan::program {
  std::vector<steps::compiled_step> steps;
};

namespace {

// nlohmann::json takes any bytes as text; what we print and store must be UTF-8.
bool is_valid_text(const nlohmann::json& value) {
  try {
    (void)value.dump();
    return true;
  } catch (const nlohmann::json::type_error&) {
    return false;
  }
}

transform_outcome not_a_record(std::string why) {
  transform_outcome outcome;
  outcome.what = transform_outcome::kind::rejected;
  outcome.detail = std::move(why);
  return outcome;
}

void name_step(transform_outcome& outcome, size_t index, std::string_view name) {
  const std::string detail = "step " + std::to_string(index + 1) + " ("
                             + std::string(name) + "): " + outcome.detail;
  outcome.detail = steps::clip(detail, steps::detail_bytes_max);
}

} // namespace

plan::plan(std::unique_ptr<const program> compiled) : program_(std::move(compiled)) {}
plan::~plan() = default;

result<std::shared_ptr<const plan>>
plan::compile(const nlohmann::json& steps, std::string_view where, plan_options options) {
  auto compiled = std::make_unique<program>();
  std::string errors; // of all steps, one a line
  if (!steps.is_null() && !steps.is_array())
    return fail(ec::invalid_config, std::string(where) + ": must be a list of steps");
  if (!is_valid_text(steps))
    return fail(ec::invalid_config, std::string(where) + ": is not valid UTF-8");
  for (size_t i = 0; i < steps.size(); ++i) {
    const auto& place_of = options.step_places;
    const auto place = (i < place_of.size() ? place_of[i] : std::string(where))
                       + ", step " + std::to_string(i + 1);
    auto step = steps::compile_step(steps[i], place, options);
    if (step)
      compiled->steps.push_back(*std::move(step));
    else
      errors += (errors.empty() ? "" : "\n") + step.error().text;
  }
  if (!errors.empty())
    return fail(ec::invalid_config, std::move(errors));
  return std::shared_ptr<const plan>(new plan(std::move(compiled)));
}

bool plan::empty() const noexcept {
  return program_->steps.empty();
}

std::vector<std::string> plan::describe() const {
  std::vector<std::string> lines;
  for (const auto& step : program_->steps)
    lines.push_back(std::to_string(lines.size() + 1) + ". " + step.describe());
  return lines;
}

transform_outcome plan::run(std::string_view record, const record_context& context,
                            plan_scratch& scratch, std::string& out,
                            const record_tokens& tokens) const {
  transform_outcome outcome;
  if (empty()) {
    out += record;
    return outcome;
  }
  scratch.memory.reset();
  if (!scratch.tree.parse(record, tokens))
    return not_a_record(
      "the record is not one JSON object of at most 64 levels in UTF-8");
  steps::step_run run{scratch.tree,   scratch.memory, context,
                      scratch.chance, scratch.buffer, outcome};
  for (size_t i = 0; i < program_->steps.size(); ++i) {
    const auto& step = program_->steps[i];
    const auto done = step.run(run);
    if (done == steps::verdict::next)
      continue;
    if (done == steps::verdict::drop)
      outcome.what = transform_outcome::kind::dropped;
    else
      name_step(outcome, i, step.name);
    return outcome;
  }
  if (!scratch.tree.write(out))
    return not_a_record("the steps nested the record more than 64 levels deep");
  return outcome;
}

} // namespace weir
