#include "records/transform/step_flow.hpp"

#include "base/text.hpp"
#include "records/schema/number.hpp"

#include <chrono>
#include <cmath>
#include <stdexcept>
#include <thread>

namespace weir::steps {

namespace {

constexpr int64_t delay_ms_max = 60'000;

// Hashes with FNV-1a (Fowler, Noll, Vo), then one round of SplitMix64, which mixes all bits.
double fraction_of(std::string_view text) noexcept {
  return random_source(fnv1a(text)).fraction();
}

// Gives equal numbers one fate, however they are written.
double fraction_of(const value& v, step_run& run) {
  if (v.type() == value_type::number)
    if (const auto number = schema_detail::read_number(v.text)) {
      schema_detail::number_buffer buffer;
      return fraction_of(to_text(schema_detail::normalized(*number), buffer));
    }
  return fraction_of(run.tree.text_of(v));
}

std::string rate_text(double rate) {
  return config_value(rate).dump();
}

} // namespace

drop_step drop_step::compile(step_arguments& arguments) {
  const auto& value = arguments.value();
  const bool bare = value.is_null() || (value.is_boolean() && value.get<bool>())
                    || (value.is_object() && value.empty());
  if (!bare)
    arguments.fail(
      "takes no arguments; write {drop: true}, with a `when` beside it to drop some");
  return {};
}

verdict drop_step::run(step_run&) const {
  return verdict::drop;
}

std::string drop_step::describe() const {
  return "drop the record";
}

sample_step sample_step::compile(step_arguments& arguments) {
  sample_step step;
  if (!arguments.mapping({"rate", "key"}))
    return step;
  const auto* const rate = arguments.find("rate");
  step.rate = rate && rate->is_number() ? rate->get<double>() : -1;
  if (!(step.rate >= 0 && step.rate <= 1))
    arguments.fail("\"rate\" must be a number from 0 (keep none) to 1 (keep all)");
  if (arguments.find("key"))
    step.key = arguments.field("key");
  return step;
}

verdict sample_step::run(step_run& run) const {
  const field* const found = key ? run.tree.find(*key) : nullptr;
  const double at = found ? fraction_of(found->held, run) : run.chance.fraction();
  return at < rate ? verdict::next : verdict::drop;
}

std::string sample_step::describe() const {
  return "sample " + rate_text(rate) + (key ? " by " + key->text() : "");
}

fault_step::trigger fault_step::trigger::parse(const config_value& value,
                                               step_arguments& arguments) {
  trigger parsed;
  if (!value.is_object()) {
    parsed.equals = scalar_literal::parse(value, arguments);
  } else if (value.contains("value") == value.contains("contains")) {
    arguments.fail("needs a value, {value: x} or {contains: text}");
  } else if (value.contains("value")) {
    parsed.equals = scalar_literal::parse(value["value"], arguments);
  } else if (value["contains"].is_string() && value["contains"] != "") {
    parsed.contains = value["contains"].get<std::string>();
  } else {
    arguments.fail("\"contains\" must be text");
  }
  return parsed;
}

bool fault_step::trigger::hit(const value& v, step_run& run) const {
  if (equals)
    return compare(v, *equals, run) == 0;
  return run.tree.text_of(v).find(contains) != std::string_view::npos;
}

std::string fault_step::trigger::describe() const {
  return equals ? "= " + equals->describe() : "contains " + echo(contains);
}

fault_step fault_step::compile(step_arguments& arguments) {
  fault_step step;
  if (!arguments.mapping({"field", "crash", "hang", "delay"}))
    return step;
  step.field = arguments.field("field");
  const auto read = [&](const char* key, std::initializer_list<std::string_view> allowed,
                        std::optional<trigger>& into) {
    const auto* const value = arguments.find(key);
    if (value && (!value->is_object() || arguments.mapping(*value, allowed)))
      into = trigger::parse(*value, arguments);
  };
  // Only a delay has a duration: crash and hang are final.
  read("crash", {"value", "contains"}, step.crash);
  read("hang", {"value", "contains"}, step.hang);
  read("delay", {"value", "contains", "ms"}, step.delay);
  if (!step.crash && !step.hang && !step.delay)
    arguments.fail("needs at least one of crash, hang, delay");
  if (step.delay) {
    step_arguments delay{*arguments.find("delay")};
    step.delay_ms = delay.integer("ms", 0, delay_ms_max);
    if (delay.failed())
      arguments.fail(delay.complaint());
  }
  return step;
}

verdict fault_step::run(step_run& run) const {
  const auto* const found = run.tree.find(field);
  if (!found)
    return verdict::next;
  if (crash && crash->hit(found->held, run))
    throw std::runtime_error("injected fault: " + field.text() + " " + crash->describe());
  while (hang && hang->hit(found->held, run))
    std::this_thread::sleep_for(std::chrono::seconds(1));
  if (delay && delay->hit(found->held, run))
    std::this_thread::sleep_for(std::chrono::milliseconds(delay_ms));
  return verdict::next;
}

std::string fault_step::describe() const {
  std::string text = "fault (tests only) on " + field.text() + ":";
  if (crash)
    text += " crash when it " + crash->describe() + ";";
  if (hang)
    text += " hang when it " + hang->describe() + ";";
  if (delay)
    text +=
      " wait " + std::to_string(delay_ms) + " ms when it " + delay->describe() + ";";
  text.pop_back();
  return text;
}

} // namespace weir::steps
