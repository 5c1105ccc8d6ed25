# SPDX-License-Identifier: ISC
# A formula for Homebrew. make dist puts version and checksum in, as build/dist/tether.rb; URL is where you put
# the source's tarball. Without them: brew install --HEAD ./tether.rb, from the repository that "head" names.
class Tether < Formula
  desc "Get a laptop online through the web browser of any phone"
  homepage "@URL@"
  url "@URL@/tether-@VERSION@.tar.gz"
  sha256 "@SHA256@"
  license "ISC"
  head "@URL@/tether.git"

  depends_on :macos

  def install
    system "make", "CFLAGS=-O2"
    sbin.install "build/tether-client", "build/tether-relay"
    man8.install "dist/man/tether-client.8", "dist/man/tether-relay.8"
    doc.install "README.md", "doc/macos.md", "dist/launchd/org.tether.client.plist"
  end

  test do
    assert_match version.to_s, shell_output("#{sbin}/tether-client --version")
  end
end
