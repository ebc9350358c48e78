// Random records through random plans: compared with a slow reference on
// nlohmann::ordered_json, and, for damaged records, held to the one promise that what
// comes out is JSON in UTF-8.
#include "tests/records/transform/plan_fixture.hpp"

#include "base/clock.hpp"

#include <simdjson.h>

#include <cstdlib>
#include <optional>

using namespace weir;
using namespace weir::testing_plans;
using ordered = nlohmann::ordered_json;
using path = std::vector<std::string>;

namespace {

uint64_t seed() {
  const char* const given = std::getenv("WEIR_SEED");
  return given ? std::strtoull(given, nullptr, 10) : 4711;
}

class generator {
 public:
  explicit generator(uint64_t from) : random_(from) {}

  uint64_t below(uint64_t bound) { return random_.next() % bound; }
  std::string name() {
    static const char* const names[] = {"a",       "b",    "c", "long name of a field",
                                        "k\"\\\n", "é~/x", "0", "1"};
    return names[below(std::size(names))];
  }
  std::string text() {
    static const char* const parts[] = {"x",    "AbC", "\"", "\\", "\n",
                                        "\x01", "é",   "😀",  "{}", "0123456789abcdef"};
    std::string made;
    for (uint64_t i = below(5); i > 0; --i)
      made += parts[below(std::size(parts))];
    return made;
  }
  ordered value(unsigned depth) {
    switch (below(depth ? 7 : 4)) {
    case 0:
      return text();
    case 1:
      return static_cast<int64_t>(random_.next());
    case 2:
      return below(2) == 0;
    case 3:
      return nullptr;
    case 4: {
      auto list = ordered::array();
      for (uint64_t i = below(3); i > 0; --i)
        list.push_back(value(depth - 1));
      return list;
    }
    default:
      return object(depth - 1);
    }
  }
  ordered object(unsigned depth) {
    auto made = ordered::object();
    for (uint64_t i = below(6); i > 0; --i)
      made[name()] = value(depth);
    return made;
  }
  path pointer() {
    path made{name()};
    while (made.size() < 3 && below(2) == 0)
      made.push_back(name());
    return made;
  }

 private:
  random_source random_;
};

std::string pointer_text(const path& names) {
  std::string text;
  for (const auto& name : names) {
    text += '/';
    for (const char c : name)
      text += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
  }
  return text;
}

// --- the reference
// -------------------------------------------------------------------------

ordered* child(ordered& node, const std::string& name) {
  if (node.is_object()) {
    const auto found = node.find(name);
    return found == node.end() ? nullptr : &found.value();
  }
  const bool index = name == "0" || name == "1";
  return node.is_array() && index && node.size() > size_t(name[0] - '0')
           ? &node[size_t(name[0] - '0')]
           : nullptr;
}

ordered* find(ordered& root, const path& at) {
  ordered* node = &root;
  for (const auto& name : at)
    if (!(node = child(*node, name)))
      return nullptr;
  return node;
}

bool put(ordered& root, const path& at, const ordered& v) {
  ordered* node = &root;
  for (const auto& name : at) {
    ordered* next = child(*node, name);
    if (!next && !node->is_object())
      return false;
    if (!next)
      next = &((*node)[name] = &name == &at.back() ? ordered() : ordered::object());
    node = next;
  }
  *node = v;
  return true;
}

void erase(ordered& root, const path& at) {
  ordered* const parent = find(root, path(at.begin(), at.end() - 1));
  if (!parent || !child(*parent, at.back()))
    return;
  if (parent->is_array())
    parent->erase(size_t(at.back()[0] - '0'));
  else
    parent->erase(at.back());
}

bool rename(ordered& root, const path& from, const path& to) {
  const ordered* const source = find(root, from);
  if (!source)
    return true;
  const ordered taken = *source;
  if (path(from.begin(), from.end() - 1) != path(to.begin(), to.end() - 1)) {
    erase(root, from);
    return put(root, to, taken);
  }
  ordered& parent = *find(root, path(from.begin(), from.end() - 1));
  if (parent.is_array())
    return false;
  auto renamed = ordered::object();
  for (const auto& [key, v] : parent.items())
    if (key == from.back())
      renamed[to.back()] = v;
    else if (key != to.back())
      renamed[key] = v;
  parent = renamed;
  return true;
}

// --- one random step, as configuration and as what the reference does
// ----------------------

struct random_step {
  nlohmann::json entry;
  std::function<bool(ordered&)> apply; // false: rejects
};

random_step make_step(generator& g) {
  const path a = g.pointer(), b = g.pointer();
  const ordered literal = g.value(2);
  const auto plain = nlohmann::json::parse(literal.dump());
  const auto as_stored = ordered::parse(plain.dump()); // configuration sorts its keys
  switch (g.below(6)) {
  case 0:
    return {{{"remove", {pointer_text(a)}}},
            [a](ordered& r) { return erase(r, a), true; }};
  case 1:
    return {{{"rename", {{"from", pointer_text(a)}, {"to", pointer_text(b)}}}},
            [a, b](ordered& r) { return rename(r, a, b); }};
  case 2:
    return {{{"set", {{"field", pointer_text(a)}, {"value", plain}}}},
            [a, as_stored](ordered& r) { return put(r, a, as_stored); }};
  case 3:
    return {{{"default", {{"field", pointer_text(a)}, {"value", plain}}}},
            [a, as_stored](ordered& r) {
              const ordered* const found = find(r, a);
              return (found && !found->is_null()) || put(r, a, as_stored);
            }};
  case 4:
    return {{{"copy", {{"from", pointer_text(a)}, {"to", pointer_text(b)}}}},
            [a, b](ordered& r) {
              const ordered* const found = find(r, a);
              return !found || put(r, b, ordered(*found));
            }};
  default:
    return {{{"lowercase", {pointer_text(a)}}}, [a](ordered& r) {
              ordered* const found = find(r, a);
              if (!found || found->is_null())
                return true;
              if (!found->is_string())
                return false;
              auto text = found->get<std::string>();
              for (char& c : text)
                c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
              *found = text;
              return true;
            }};
  }
}

bool is_json_text(const std::string& text) {
  simdjson::dom::parser parser;
  simdjson::dom::element element;
  return parser.parse(text).get(element) == simdjson::SUCCESS && element.is_object();
}

} // namespace

TEST(plan_property, agrees_with_a_slow_reference_on_random_records_and_plans) {
  SCOPED_TRACE("WEIR_SEED=" + std::to_string(seed()));
  generator g(seed());
  const auto scratch = make_plan_scratch(1);
  for (int round = 0; round < 2'000; ++round) {
    auto steps = nlohmann::json::array();
    std::vector<random_step> made;
    for (uint64_t i = g.below(4) + 1; i > 0; --i) {
      made.push_back(make_step(g));
      steps.push_back(made.back().entry);
    }
    ordered record = g.object(3);
    const std::string text = record.dump(g.below(3) == 0 ? 2 : -1, ' ', g.below(2) == 0);
    bool kept = true;
    for (size_t i = 0; kept && i < made.size(); ++i)
      kept = made[i].apply(record);
    const auto result = run(*compiled(steps.dump()), text, *scratch);
    ASSERT_EQ(result.outcome.what == transform_outcome::kind::kept, kept)
      << steps << "\n"
      << text << "\n"
      << result.outcome.detail;
    if (kept) {
      ASSERT_EQ(ordered::parse(result.out, nullptr, false), record) << steps << "\n"
                                                                    << text << "\n"
                                                                    << result.out;
      ASSERT_EQ(result.out.find('\n'), std::string::npos);
    }
  }
}

TEST(plan_property, whatever_the_bytes_what_is_kept_is_json_in_utf8) {
  SCOPED_TRACE("WEIR_SEED=" + std::to_string(seed()));
  generator g(seed() + 1);
  const auto steps = compiled(R"-([
    {"convert": {"fields": {"a": "string", "/b/a": "string"}}},
    {"trim": ["a"]}, {"redact": {"field": "a", "pattern": "[^x]{2}"}},
    {"truncate": {"field": "a", "bytes": 9}}, {"copy": {"/c/0": "/d/e"}},
    {"parse": {"field": "/b/a", "as": "json", "into": "/z/y"}, "when": {"matches": {"field": "/b/a", "pattern": "^[{\\[]"}}},
    {"parse": {"field": "0", "as": "key_value"}, "when": {"matches": {"field": "0", "pattern": "^[^\"]+=[^\"]+$"}}}])-");
  const auto scratch = make_plan_scratch(1);
  int kept = 0;
  for (int round = 0; round < 6'000; ++round) {
    auto text = g.object(3).dump(-1, ' ', g.below(2) == 0);
    for (uint64_t i = g.below(3); i > 0; --i) {
      static constexpr char bytes[] = "\"\\{}[],:u0 \x80\xc3\xff\n";
      text[g.below(text.size())] = bytes[g.below(sizeof bytes)];
    }
    const auto result = run(*steps, text, *scratch);
    if (result.outcome.what == transform_outcome::kind::kept) {
      ++kept;
      ASSERT_TRUE(is_json_text(result.out)) << text << "\n" << result.out;
      ASSERT_TRUE(simdjson::validate_utf8(result.out.data(), result.out.size()));
    } else {
      const auto& why = result.outcome.detail;
      ASSERT_LE(why.size(), 256u);
      ASSERT_TRUE(simdjson::validate_utf8(why.data(), why.size())) << why;
    }
  }
  EXPECT_GT(kept, 200);
}
