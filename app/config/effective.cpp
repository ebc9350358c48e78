#include "app/config/effective.hpp"

#include "app/config/config_keys.hpp"
#include "app/config/units.hpp"
#include "storage/sinks/postgres/postgres.hpp"

#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace weir {
namespace {

/// Visits the loaded values, and for each what it would be in an empty configuration.
class value_lister final : public key_visitor {
 public:
  explicit value_lister(const config_places& places) : places_(places) {}

  std::vector<effective_value> rows;

  void section(key_name key, const std::function<void()>& body) override {
    inside(key.name, body);
  }
  void map(key_name key, const std::vector<std::string>& present,
           const std::function<void(const std::string&)>& element) override {
    for (const auto& name : present)
      inside(fmt::format("{}.{}", key.name, name), [&] { element(name); });
  }
  void list(key_name key, size_t present,
            const std::function<void(size_t)>& element) override {
    if (present == 0)
      add(key, "[]");
    for (size_t i = 0; i < present; ++i)
      inside(fmt::format("{}.{}", key.name, i), [&] { element(i); });
  }
  void flag(key_name key, bool& value) override { add(key, value ? "true" : "false"); }
  void real(key_name key, double& value, bounds<double>) override {
    add(key, format_real(value));
  }
  void text(key_name key, std::string& value, text_rule rule) override {
    if (rule != text_rule::connection || value.empty())
      return add(key, value);
    const auto shown = postgres::shown(value);
    add(key, shown ? *shown : "(not shown)");
  }
  void texts(key_name key, std::vector<std::string>& value, text_rule) override {
    add(key, fmt::format("[{}]", fmt::join(value, ", ")));
  }
  void address(key_name key, listen_address& value) override {
    add(key, to_string(value));
  }
  void steps(key_name key, std::shared_ptr<const nlohmann::json>& value) override {
    add(key, value ? value->dump() : "[]");
  }

 protected:
  void whole(key_name key, uint64_t& value, bounds<uint64_t>, bool is_bytes) override {
    const bool word = value == 0 && !key.zero.empty();
    add(key, word       ? std::string{key.zero}
             : is_bytes ? format_bytes(value)
                        : std::to_string(value));
  }
  void time(key_name key, std::chrono::milliseconds& value,
            bounds<std::chrono::milliseconds>, std::chrono::milliseconds) override {
    add(key, format_duration(value));
  }
  void pick(key_name key, size_t& index,
            const std::vector<std::string_view>& values) override {
    add(key, std::string{values[index]});
  }

 private:
  /// A key with a word for "work it out" that nobody set was worked out.
  void add(key_name key, std::string value) {
    auto path = prefix_ + std::string{key.name};
    const auto set = places_.find(path);
    std::string from = set != places_.end() ? set->second : "default";
    if (set == places_.end() && !key.zero.empty() && !value.empty() && value != key.zero
        && key.zero != "none")
      from = "derived";
    rows.push_back({std::move(path), std::move(value), std::move(from)});
  }
  void inside(std::string_view name, const std::function<void()>& body) {
    const auto outer = std::exchange(prefix_, fmt::format("{}{}.", prefix_, name));
    body();
    prefix_ = outer;
  }

  const config_places& places_;
  std::string prefix_;
};

} // namespace

std::vector<effective_value> effective_values(const config& settings) {
  value_lister lister{settings.places};
  auto copy = settings; // visiting may write
  visit_config(lister, copy);
  return std::move(lister.rows);
}

} // namespace weir
