#include "app/config/catalog_loader.hpp"

#include "app/config/config_text.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace weir {
namespace {

constexpr size_t schema_bytes_max = size_t{16} << 20;

std::string key_place(const config& settings, const std::string& key) {
  return fmt::format("{}: {}", settings.where(key), key);
}

result<std::shared_ptr<const schema>> load_schema(const config& settings,
                                                  const stream_config& stream) {
  if (stream.schema_file.empty())
    return std::shared_ptr<const schema>{};
  auto loaded =
    read_file(stream.schema_file, schema_bytes_max).and_then([&](const auto& text) {
      return schema::compile_for_records(text, stream.schema_file);
    });
  if (loaded)
    return loaded;
  const auto key = fmt::format("streams.{}.schema", stream.settings.name);
  return fail(ec::invalid_config,
              fmt::format("{}: {}", key_place(settings, key), loaded.error().text));
}

/// compile() puts the place before its own errors.
result<std::shared_ptr<const plan>> load_plan(const config& settings,
                                              const stream_config& stream) {
  const auto key = fmt::format("streams.{}.transform", stream.settings.name);
  plan_options options;
  options.fault_injection = settings.fault_injection;
  for (size_t i = 0; i < stream.steps->size(); ++i)
    options.step_places.push_back(
      fmt::format("{}: {}", settings.where(fmt::format("{}.{}", key, i)), key));
  return plan::compile(*stream.steps, key_place(settings, key), options);
}

} // namespace

result<catalog_ptr> load_catalog(const config& settings) {
  std::map<std::string, stream_spec, std::less<>> streams;
  std::string errors;
  // Every stream is compiled, so that one run tells all errors.
  const auto take = [&errors](auto loaded) {
    using value = typename decltype(loaded)::value_type;
    if (loaded)
      return std::move(*loaded);
    errors += (errors.empty() ? "" : "\n") + loaded.error().text;
    return value{};
  };
  for (const auto& [name, stream] : settings.streams)
    streams.emplace(name,
                    stream_spec{stream.settings, take(load_schema(settings, stream)),
                                take(load_plan(settings, stream))});
  if (!errors.empty())
    return fail(ec::invalid_config, std::move(errors));
  return std::make_shared<const catalog>(std::move(streams));
}

} // namespace weir
