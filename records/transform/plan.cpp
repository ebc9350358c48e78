#include "records/transform/plan.hpp"

#include "records/json/text.hpp"
#include "records/transform/program.hpp"

#include <algorithm>

#include <nlohmann/json.hpp>

namespace weir {

class plan_scratch {
 public:
  explicit plan_scratch(uint64_t seed) : chance(seed) {}

  /// A record in hand, and what it is split at. Its parts are in hand on the next level.
  struct level {
    steps::arena memory;
    steps::record_tree tree{memory};
    steps::split_parts parts;
    std::unique_ptr<level> next;

    level& below() {
      if (!next)
        next = std::make_unique<level>();
      return *next;
    }
    size_t bytes() const noexcept {
      return memory.capacity() + parts.memory.capacity() + parts.text.capacity()
             + (next ? next->bytes() : 0);
    }
  };
  level top;
  random_source chance;
  std::string buffer;
  std::vector<size_t> ends; ///< transform_outcome's
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

constexpr size_t splits_max = 4;
/// What the levels below the top, and what is used to make their records, keep between records.
constexpr size_t levels_kept_max = size_t{256} << 10;
/// What parts may take beside bytes_max: so many times their body.
constexpr size_t parts_growth = 4;

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
  std::string errors; // what is wrong with all steps, one a line
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
  std::shared_ptr<const plan> made{new plan(std::move(compiled))};
  if (const auto splits = made->splits(); splits > splits_max)
    errors += (errors.empty() ? "" : "\n") + std::string(where) + ": has "
              + std::to_string(splits) + " steps `split`; at most "
              + std::to_string(splits_max) + " are allowed";
  if (!errors.empty())
    return fail(ec::invalid_config, std::move(errors));
  return made;
}

bool plan::empty() const noexcept {
  return program_->steps.empty();
}

size_t plan::splits() const noexcept {
  return static_cast<size_t>(
    std::count_if(program_->steps.begin(), program_->steps.end(),
                  [](const auto& step) { return step.name == "split"; }));
}

size_t plan::parts_room(size_t bytes) const noexcept {
  size_t most = 0;
  for (const auto& step : program_->steps)
    if (const auto* const split = std::get_if<steps::split_step>(&step.step))
      most = std::max(most, static_cast<size_t>(split->bytes_max));
  if (most == 0)
    return 0;
  return std::min(parts_room_max, most + parts_growth * std::min(bytes, parts_room_max));
}

std::vector<std::string> plan::describe() const {
  std::vector<std::string> lines;
  for (const auto& step : program_->steps)
    lines.push_back(std::to_string(lines.size() + 1) + ". " + step.describe());
  return lines;
}

namespace {

/// One record on its way through the steps; it may become several.
class way {
 public:
  way(const std::vector<steps::compiled_step>& program, const record_context& context,
      plan_scratch& scratch, std::string& out, transform_outcome& outcome)
    : program_(program), context_(context), scratch_(scratch), out_(out),
      outcome_(outcome), begin_(out.size()) {}

  /// The steps from `first` on. The verdict is not `split`.
  steps::verdict run(size_t first, std::string_view record, const record_tokens& tokens,
                     plan_scratch::level& at) {
    at.memory.reset();
    if (!at.tree.parse(record, tokens))
      return reject("the record is not one JSON object of at most 64 levels in UTF-8");
    steps::step_run in_hand{at.tree,         at.memory, context_, scratch_.chance,
                            scratch_.buffer, outcome_,  at.parts};
    for (size_t i = first; i < program_.size(); ++i) {
      const auto done = program_[i].run(in_hand);
      if (done == steps::verdict::next)
        continue;
      if (done == steps::verdict::split)
        return run_parts(i, in_hand, at);
      if (done == steps::verdict::reject)
        name_step(outcome_, i, program_[i].name);
      return done;
    }
    if (!at.tree.write(out_))
      return reject("the steps nested the record more than 64 levels deep");
    return steps::verdict::next;
  }

 private:
  steps::verdict reject(std::string why) {
    outcome_ = not_a_record(std::move(why));
    return steps::verdict::reject;
  }

  /// All of them pass, or the record does not. None left: it is dropped.
  steps::verdict run_parts(size_t split, steps::step_run& in_hand,
                           plan_scratch::level& from) {
    auto& parts = from.parts;
    bool any = false;
    while (parts.made < parts.count) {
      if (parts.step->make_part(in_hand) == steps::verdict::reject)
        return refuse_at(split);
      const size_t parts_before = scratch_.ends.size();
      const auto done = run(split + 1, parts.text, {}, from.below());
      if (done == steps::verdict::reject) {
        name_part(parts);
        return done;
      }
      if (done == steps::verdict::drop)
        continue;
      any = true;
      if (scratch_.ends.size() == parts_before) // not split further
        scratch_.ends.push_back(out_.size());
      if (!has_room())
        return refuse_at(split);
    }
    return any ? steps::verdict::next : steps::verdict::drop;
  }

  void name_part(const steps::split_parts& parts) {
    const auto part =
      "part " + std::to_string(parts.made) + " of " + std::to_string(parts.count) + ": ";
    outcome_.detail = steps::clip(part + outcome_.detail, steps::detail_bytes_max);
  }

  steps::verdict refuse_at(size_t step) {
    name_step(outcome_, step, program_[step].name);
    return steps::verdict::reject;
  }

  /// For the parts so far. Steps after the split may have made them larger than it did.
  bool has_room() {
    const auto count = scratch_.ends.size();
    if (count > steps::split_parts::parts_total_max)
      (void)reject("the record has more than 10000 parts");
    else if (out_.size() - begin_ + count * part_bytes > context_.parts_room)
      (void)reject(
        "no room: all records of a request may become parts of bytes_max and 4 "
        "times its text, 12 MiB at most; send fewer at once, or raise bytes_max");
    else
      return true;
    return false;
  }

  const std::vector<steps::compiled_step>& program_;
  const record_context& context_;
  plan_scratch& scratch_;
  std::string& out_;
  transform_outcome& outcome_;
  size_t begin_; ///< in out_
};

} // namespace

transform_outcome plan::run(std::string_view record, const record_context& context,
                            plan_scratch& scratch, std::string& out,
                            const record_tokens& tokens) const {
  transform_outcome outcome;
  if (empty()) {
    out += record;
    return outcome;
  }
  scratch.ends.clear();
  const size_t begin = out.size();
  auto& top = scratch.top;
  const auto done =
    way{program_->steps, context, scratch, out, outcome}.run(0, record, tokens, top);
  if (top.next && top.bytes() - top.memory.capacity() > levels_kept_max) {
    top.next.reset();
    top.parts.memory.release();
    std::string{}.swap(top.parts.text);
  }
  if (done == steps::verdict::next) {
    outcome.ends = scratch.ends;
    return outcome;
  }
  out.resize(begin);
  if (done == steps::verdict::drop)
    outcome.what = transform_outcome::kind::dropped;
  return outcome;
}

} // namespace weir
