#!/bin/sh
# Makes the keys and certificates of the simulated vendors anew, in this folder.
# Needs OpenSSL 3. Run by hand only: new roots invalidate every simulated
# policy digest. See README.md.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
roots=../../attestation/roots/simulated

cat > "$work/ca.conf" <<'CONF'
[ca]
default_ca = mock
[mock]
database = $ENV::WORK/index
serial = $ENV::WORK/serial
new_certs_dir = $ENV::WORK
policy = any
unique_subject = no
[any]
commonName = supplied
organizationName = optional
organizationalUnitName = optional
[req]
distinguished_name = dn
[dn]
[root]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[intermediate]
basicConstraints = critical, CA:TRUE, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
CONF
: > "$work/index"
echo 01 > "$work/serial"
export WORK="$work"

key() { # name, arguments of genpkey
    name=$1; shift
    openssl genpkey "$@" -out "$work/$name.pem"
    openssl pkcs8 -topk8 -nocrypt -in "$work/$name.pem" -outform DER -out "$name.key.der"
}

certificate() { # name, subject, issuer, extensions, digest, further arguments
    name=$1; subject=$2; issuer=$3; extensions=$4; digest=$5; shift 5
    openssl req -new -key "$name.key.der" -keyform DER -subj "$subject" \
        -config "$work/ca.conf" -out "$work/$name.csr"
    if [ "$issuer" = self ]; then
        how="-selfsign -keyfile $name.key.der"
    else
        openssl x509 -inform DER -in "$roots/$issuer.der" -out "$work/$issuer.pem"
        how="-cert $work/$issuer.pem -keyfile $issuer.key.der"
    fi
    # shellcheck disable=SC2086
    openssl ca -batch -config "$work/ca.conf" $how -keyform DER -md "$digest" \
        -extensions "$extensions" -startdate 20200101000000Z -enddate 20491231235959Z \
        -in "$work/$name.csr" -notext -out "$work/$name.pem" "$@"
    openssl x509 -in "$work/$name.pem" -outform DER -out "$roots/$name.der"
}

pss="-sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:48 -sigopt rsa_mgf1_md:sha384"
organization="O=Synod simulation, no hardware"

key amd-ark -algorithm RSA -pkeyopt rsa_keygen_bits:4096
key amd-ask -algorithm RSA -pkeyopt rsa_keygen_bits:4096
key intel-root -algorithm EC -pkeyopt ec_paramgen_curve:P-256
key aws-root -algorithm EC -pkeyopt ec_paramgen_curve:P-384
# shellcheck disable=SC2086
certificate amd-ark "/$organization/CN=ARK-Turin" self root sha384 $pss
# shellcheck disable=SC2086
certificate amd-ask "/$organization/CN=SEV-Turin" amd-ark intermediate sha384 $pss
certificate intel-root "/$organization/CN=Intel SGX Root CA" self root sha256
certificate aws-root "/$organization/CN=aws.nitro-enclaves" self root sha384
