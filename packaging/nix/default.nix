# SPDX-License-Identifier: LGPL-2.1-or-later
#
# For pkgs.callPackage. NixOS loads the units with
#	systemd.packages = [ nbd-attach ]; services.udev.packages = [ nbd-attach ];
{
  lib,
  stdenv,
  meson,
  ninja,
  pkg-config,
  scdoc,
  cmocka,
  python3,
  openssl,
  gnutls,
  inih,
  json_c,
  kmod,
  libnl,
  libseccomp,
  uriparser,
}:

stdenv.mkDerivation {
  pname = "nbd-attach";
  version = "0.1.0";

  src = lib.cleanSource ../..;

  nativeBuildInputs = [
    meson
    ninja
    pkg-config
    scdoc
  ];
  buildInputs = [
    gnutls
    inih
    json_c
    kmod
    libnl
    libseccomp
    uriparser
  ];
  nativeCheckInputs = [
    cmocka
    gnutls
    openssl
    python3
  ];

  mesonFlags = [
    (lib.mesonBool "tests" true)
    "-Dimage-makers=[]"
    "--sbindir=bin"
  ];

  # The checks are scripts.
  postPatch = "patchShebangs tests";

  doCheck = true;
  mesonCheckFlags = [ "--no-suite=slow" ];

  meta = {
    description = "Remote disks as /dev/nbdN, with TLS in the kernel";
    license = lib.licenses.lgpl21Plus;
    platforms = lib.platforms.linux;
    mainProgram = "nbd-attach";
  };
}
