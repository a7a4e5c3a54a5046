#include "expose/tls.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <exception>
#include <new>
#include <vector>

#include "base/text.h"

namespace aliyun_ecs {
namespace {

using Names = std::vector<std::string>;

// OpenSSL's reason for what just failed, without the bytes that it failed on.
std::string Reason() {
  const unsigned long first = ERR_get_error();
  const char* const reason = first == 0 ? nullptr : ERR_reason_error_string(first);
  ERR_clear_error();
  return reason == nullptr ? "it cannot be read" : reason;
}

tl::unexpected<Error> BadFile(const char* key, const std::string& path) {
  return Fail(ErrorCode::kInvalid, std::string("tls_server_config.") + key + ": " +
                                       JsonQuote(path) + " is not usable: " + Reason());
}

std::string TextOf(const ASN1_STRING* string) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(string)),
          static_cast<std::size_t>(ASN1_STRING_length(string))};
}

// The subject alternative names of the four kinds that client_allowed_sans is about.
Names NamesOf(const X509* certificate) {
  Names names;
  auto* const all = static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; i < sk_GENERAL_NAME_num(all); ++i) {
    const GENERAL_NAME* const name = sk_GENERAL_NAME_value(all, i);
    if (name->type == GEN_DNS || name->type == GEN_EMAIL || name->type == GEN_URI) {
      names.push_back(TextOf(name->d.ia5));
    } else if (name->type == GEN_IPADD) {
      const std::string bytes = TextOf(name->d.iPAddress);
      char text[INET6_ADDRSTRLEN] = "";
      const int family = bytes.size() == sizeof(in_addr) ? AF_INET : AF_INET6;
      const bool size = bytes.size() == sizeof(in_addr) || bytes.size() == sizeof(in6_addr);
      if (size && inet_ntop(family, bytes.data(), text, sizeof text) != nullptr) {
        names.emplace_back(text);
      }
    }
  }
  GENERAL_NAMES_free(all);
  return names;
}

// OpenSSL keeps the allowed names with the context, which a connection can outlive us with.
int NamesIndex() {
  static const int index = SSL_CTX_get_ex_new_index(
      0, nullptr, nullptr, nullptr, [](void*, void* names, CRYPTO_EX_DATA*, int, long, void*) {
        delete static_cast<Names*>(names);
      });
  return index;
}

bool HasAllowedName(X509_STORE_CTX* verification, const Names& allowed) {
  if (allowed.empty()) return true;
  const Names names = NamesOf(X509_STORE_CTX_get0_cert(verification));
  return std::any_of(names.begin(), names.end(), [&](const std::string& name) {
    return std::find(allowed.begin(), allowed.end(), name) != allowed.end();
  });
}

// In place of OpenSSL's verification. A pointer is the only thing that can be told to it.
template <bool kVerifyChain>
int Verify(X509_STORE_CTX* verification, void* context) noexcept {
  if (kVerifyChain && X509_verify_cert(verification) != 1) return 0;
  try {
    const auto* const allowed = static_cast<const Names*>(
        SSL_CTX_get_ex_data(static_cast<SSL_CTX*>(context), NamesIndex()));
    if (allowed != nullptr && HasAllowedName(verification, *allowed)) return 1;
  } catch (const std::exception&) {
    // Out of memory: nobody gets in.
  }
  X509_STORE_CTX_set_error(verification, X509_V_ERR_APPLICATION_VERIFICATION);
  return 0;
}

int VerifyMode(ClientAuth auth) {
  switch (auth) {
    case ClientAuth::kRequestClientCert:
    case ClientAuth::kVerifyClientCertIfGiven:
      return SSL_VERIFY_PEER;
    case ClientAuth::kRequireAnyClientCert:
    case ClientAuth::kRequireAndVerifyClientCert:
      return SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
    case ClientAuth::kNoClientCert:
      break;
  }
  return SSL_VERIFY_NONE;
}

bool VerifiesChain(ClientAuth auth) {
  return auth == ClientAuth::kVerifyClientCertIfGiven ||
         auth == ClientAuth::kRequireAndVerifyClientCert;
}

std::uint64_t OptionsOf(const TlsConfig& config) {
  return SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET |
         (config.prefer_server_ciphers ? SSL_OP_CIPHER_SERVER_PREFERENCE : 0);
}

// TLS 1.0 and 1.1 use what OpenSSL otherwise takes for too weak.
int SecurityLevelOf(const TlsConfig& config) { return config.min_version < TLS1_2_VERSION ? 0 : 1; }

// What has to be said to a context and to each connection.
bool Limit(SSL* connection, const TlsConfig& config) {
  SSL_set_options(connection, OptionsOf(config));
  return SSL_set_min_proto_version(connection, config.min_version) == 1 &&
         SSL_set_max_proto_version(connection, config.max_version) == 1 &&
         (config.curves.empty() ||
          SSL_set1_groups_list(connection, const_cast<char*>(config.curves.c_str())) == 1);
}

}  // namespace

void TlsSettings::Deleter::operator()(ssl_ctx_st* context) const { SSL_CTX_free(context); }

Result<std::shared_ptr<const TlsSettings>> TlsSettings::Load(const TlsConfig& config) {
  ERR_clear_error();
  std::unique_ptr<ssl_ctx_st, Deleter> context(SSL_CTX_new(TLS_server_method()));
  if (context == nullptr) throw std::bad_alloc();
  SSL_CTX* const raw = context.get();
  SSL_CTX_set_security_level(raw, SecurityLevelOf(config));
  // An encrypted key is refused; OpenSSL would ask for its password on the terminal.
  SSL_CTX_set_default_passwd_cb(raw, [](char*, int, int, void*) { return -1; });
  if (SSL_CTX_use_certificate_chain_file(raw, config.cert_file.c_str()) != 1) {
    return BadFile("cert_file", config.cert_file);
  }
  if (SSL_CTX_use_PrivateKey_file(raw, config.key_file.c_str(), SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_check_private_key(raw) != 1) {
    return BadFile("key_file", config.key_file);
  }
  if (!config.ciphers.empty() && SSL_CTX_set_cipher_list(raw, config.ciphers.c_str()) != 1) {
    return Fail(ErrorCode::kInvalid,
                "tls_server_config.cipher_suites: none of them can be used: " + Reason());
  }
  if (!config.client_ca_file.empty()) {
    if (SSL_CTX_load_verify_file(raw, config.client_ca_file.c_str()) != 1) {
      return BadFile("client_ca_file", config.client_ca_file);
    }
    SSL_CTX_set_client_CA_list(raw, SSL_load_client_CA_file(config.client_ca_file.c_str()));
  } else if (VerifiesChain(config.client_auth)) {
    SSL_CTX_set_default_verify_paths(raw);
  }
  SSL_CTX_set_ex_data(raw, NamesIndex(), new Names(config.client_allowed_sans));
  SSL_CTX_set_cert_verify_callback(
      raw, VerifiesChain(config.client_auth) ? &Verify<true> : &Verify<false>, raw);

  std::shared_ptr<const TlsSettings> settings(new TlsSettings(config, std::move(context)));
  // What no connection could use is no settings.
  const std::unique_ptr<SSL, decltype(&SSL_free)> trial(SSL_new(raw), &SSL_free);
  if (trial == nullptr || !Limit(trial.get(), config)) {
    return Fail(ErrorCode::kInvalid, "tls_server_config: OpenSSL does not take it: " + Reason());
  }
  ERR_clear_error();
  return settings;
}

bool TlsSettings::ApplyTo(ssl_st* connection) const {
  // The connection now holds the context, with certificate, key, ciphers, CAs and verification.
  if (SSL_set_SSL_CTX(connection, context_.get()) == nullptr) return false;
  SSL_set_security_level(connection, SecurityLevelOf(config_));
  SSL_set_verify(connection, VerifyMode(config_.client_auth), nullptr);
  return Limit(connection, config_);
}

TlsContext::TlsContext(Current current)
    : current_(std::move(current)), context_(SSL_CTX_new(TLS_server_method())) {
  if (context_ == nullptr) throw std::bad_alloc();
  // Each handshake decides anew; this context itself has no certificate.
  SSL_CTX_set_min_proto_version(context_, TLS1_VERSION);
  SSL_CTX_set_session_cache_mode(context_, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_options(context_, SSL_OP_NO_TICKET);
  SSL_CTX_set_num_tickets(context_, 0);
  SSL_CTX_set_client_hello_cb(
      context_,
      [](SSL* connection, int* alert, void* self) {
        try {
          const auto settings = static_cast<const TlsContext*>(self)->current_();
          if (settings != nullptr && settings->ApplyTo(connection)) return SSL_CLIENT_HELLO_SUCCESS;
        } catch (const std::exception&) {
          // Nothing of an exception may pass through OpenSSL.
        }
        *alert = SSL_AD_INTERNAL_ERROR;
        return SSL_CLIENT_HELLO_ERROR;
      },
      this);
}

TlsContext::~TlsContext() { SSL_CTX_free(context_); }

}  // namespace aliyun_ecs
