// The certificates of a cluster: what is in them, and that files of others are left alone.
#include "app/commands/certs.hpp"

#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

using namespace weir;
using testing::HasSubstr;

namespace {

struct free_certificate {
  void operator()(X509* x) const { X509_free(x); }
};
using certificate_ptr = std::unique_ptr<X509, free_certificate>;

certificate_ptr parse(const std::string& pem) {
  BIO* bio = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  certificate_ptr made{PEM_read_bio_X509(bio, nullptr, nullptr, nullptr)};
  BIO_free(bio);
  return made;
}

/// X509_V_OK, or why a chain of `node` below `authority` is refused for `purpose`.
int verify(X509* node, X509* authority, int purpose) {
  X509_STORE* store = X509_STORE_new();
  X509_STORE_add_cert(store, authority);
  X509_STORE_CTX* context = X509_STORE_CTX_new();
  X509_STORE_CTX_init(context, store, node, nullptr);
  X509_STORE_CTX_set_purpose(context, purpose);
  X509_verify_cert(context);
  const int verdict = X509_STORE_CTX_get_error(context);
  X509_STORE_CTX_free(context);
  X509_STORE_free(store);
  return verdict;
}

class certs : public testing::Test {
 protected:
  certs() { options_.directory = directory_ + "/made"; }
  ~certs() override { std::filesystem::remove_all(directory_); }

  int init() { return command_certs_init(options_, out_, err_); }
  int issue(const std::string& name) {
    options_.request.name = name;
    return command_certs_issue(options_, out_, err_);
  }
  std::string path(const std::string& name) { return options_.directory + "/" + name; }
  std::string text(const std::string& name) {
    std::ifstream file{path(name)};
    return {std::istreambuf_iterator<char>{file}, {}};
  }
  mode_t mode(const std::string& name) {
    struct stat found {};
    EXPECT_EQ(::stat(path(name).c_str(), &found), 0) << name;
    return found.st_mode & 07777;
  }

  std::string directory_ = [] {
    auto pattern =
      (std::filesystem::temp_directory_path() / "weir-certs-XXXXXX").string();
    return std::string{::mkdtemp(pattern.data())};
  }();
  certs_options options_;
  std::ostringstream out_, err_;
};

} // namespace

TEST_F(certs, a_node_is_verified_by_its_authority_on_both_ends_and_by_no_other) {
  const auto ours = make_authority(10), other = make_authority(10);
  const auto issued = issue_certificate(*ours, {"node-1", {"10.0.0.7", "::1", "n1.lan"}});
  ASSERT_TRUE(issued) << issued.error().text;
  const auto node = parse(issued->certificate);
  const auto authority = parse(ours->certificate);
  for (const auto purpose : {X509_PURPOSE_SSL_SERVER, X509_PURPOSE_SSL_CLIENT})
    EXPECT_EQ(verify(node.get(), authority.get(), purpose), X509_V_OK);
  EXPECT_NE(verify(node.get(), parse(other->certificate).get(), X509_PURPOSE_SSL_SERVER),
            X509_V_OK);
  EXPECT_EQ(X509_check_host(node.get(), "node-1.weir", 0, 0, nullptr), 1);
  EXPECT_EQ(X509_check_host(node.get(), "n1.lan", 0, 0, nullptr), 1);
  EXPECT_EQ(X509_check_host(node.get(), "node-2.weir", 0, 0, nullptr), 0);
  EXPECT_EQ(X509_check_ip_asc(node.get(), "10.0.0.7", 0), 1);
  EXPECT_EQ(X509_check_ip_asc(node.get(), "::1", 0), 1);
  EXPECT_EQ(X509_check_ip_asc(node.get(), "10.0.0.8", 0), 0);
  char name[64]{};
  X509_NAME_get_text_by_NID(X509_get_subject_name(node.get()), NID_commonName, name,
                            sizeof name);
  EXPECT_STREQ(name, "node-1");
}

TEST_F(certs, a_node_signs_no_certificates) {
  const auto ours = make_authority(10);
  const auto node = issue_certificate(*ours, {"node-1", {}});
  ASSERT_TRUE(node);
  const auto below = issue_certificate(*node, {"node-2", {}});
  ASSERT_FALSE(below);
  EXPECT_THAT(below.error().text, HasSubstr("may not sign"));
}

TEST_F(certs, a_certificate_ends_no_later_than_its_authority) {
  const auto ours = make_authority(10);
  const auto issued = issue_certificate(*ours, {"node-1", {}, 100});
  ASSERT_TRUE(issued);
  EXPECT_EQ(*certificate_end(issued->certificate), *certificate_end(ours->certificate));
  const auto ended = make_authority(-1);
  const auto refused = issue_certificate(*ended, {"node-1", {}});
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().text, HasSubstr("has ended"));
}

TEST_F(certs, the_key_of_another_authority_is_refused) {
  const auto ours = make_authority(10), other = make_authority(10);
  const auto issued = issue_certificate({ours->certificate, other->key}, {"n", {}});
  ASSERT_FALSE(issued);
  EXPECT_THAT(issued.error().text, HasSubstr("not its certificate's"));
  EXPECT_FALSE(issue_certificate({"", ""}, {"n", {}}));
}

TEST_F(certs, keys_are_readable_by_their_owner_only) {
  ASSERT_EQ(init(), exit_ok) << err_.str();
  ASSERT_EQ(issue("node-1"), exit_ok) << err_.str();
  EXPECT_EQ(mode("ca.key"), 0600u);
  EXPECT_EQ(mode("node-1.key"), 0600u);
  EXPECT_EQ(mode("ca.pem") & 0444u, 0444u);
  EXPECT_THAT(out_.str(), HasSubstr("weir certs issue NAME " + options_.directory));
}

TEST_F(certs, files_that_exist_are_not_overwritten) {
  ASSERT_EQ(init(), exit_ok);
  ASSERT_EQ(issue("node-1"), exit_ok);
  const auto authority = text("ca.key") + text("ca.pem");
  const auto node = text("node-1.key") + text("node-1.pem");
  EXPECT_EQ(init(), exit_failed);
  EXPECT_EQ(issue("node-1"), exit_failed);
  EXPECT_THAT(err_.str(), HasSubstr("node-1.pem exists already"));
  EXPECT_EQ(text("ca.key") + text("ca.pem"), authority);
  EXPECT_EQ(text("node-1.key") + text("node-1.pem"), node);

  std::filesystem::remove(path("node-1.pem")); // a key without its certificate stays too
  EXPECT_EQ(issue("node-1"), exit_failed);
  EXPECT_EQ(text("node-1.key") + text("node-1.pem"),
            node.substr(0, text("node-1.key").size()));
}

TEST_F(certs, without_an_authority_the_error_says_how_to_make_one) {
  EXPECT_EQ(issue("node-1"), exit_failed);
  EXPECT_THAT(err_.str(), HasSubstr("weir certs init " + options_.directory));
}

TEST_F(certs, names_and_hosts_that_would_become_something_else_are_refused) {
  for (const auto* name : {"", ".", "..", "ca", "a/b", "-x", "a b", "\n"})
    EXPECT_FALSE(is_certificate_name(name)) << name;
  for (const auto* name : {"node-1", "gw.eu_1", "CA"})
    EXPECT_TRUE(is_certificate_name(name)) << name;
  for (const auto* host : {"", "*", "*.", "a b", "DNS:x,IP:y", "-x", "http://x"})
    EXPECT_FALSE(is_certificate_host(host)) << host;
  for (const auto* host : {"10.0.0.7", "::1", "a.example.org", "*.weir"})
    EXPECT_TRUE(is_certificate_host(host)) << host;
  EXPECT_FALSE(is_certificate_host(std::string(254, 'a')));
}
