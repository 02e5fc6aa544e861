#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# An inspector's bundle verified without any of our code: perl verify_bundle.pl BUNDLE RECORD-KEY.pem; prints the fields proven.
use strict; use warnings; use Digest::SHA qw(sha256); use File::Temp;
my ($file, $key) = @ARGV; open my $in, '<:raw', $file or die "no bundle\n"; our $d = do { local $/; <$in> }; our $p = 0;
sub head { my $b = ord substr $d, $p++, 1; my $n = $b & 31; my $w = $n < 24 ? 0 : 1 << $n - 24;
  if ($w) { $n = 0; $n = $n << 8 | ord substr $d, $p++, 1 for 1 .. $w } ($b >> 5, $n) }
sub item { my $at = $p; my ($t, $n) = head(); my $v = $n;    # returns [value, its own bytes]
  if ($t == 2 || $t == 3) { $v = substr $d, $p, $n; $p += $n } elsif ($t == 4) { $v = [map { item() } 1 .. $n] }
  elsif ($t == 5) { my %m; $v = \%m; for (1 .. $n) { my $k = item()->[0]; $m{$k} = item() } } elsif ($t == 6) { $v = item()->[0] }
  [$v, substr $d, $at, $p - $at] }
sub inside { my $b = shift; local $d = $b; local $p = 0; my $v = item()->[0]; die "trailing bytes\n" if $p != length $d; $v }
sub bstr { my $n = length $_[0]; ($n < 24 ? chr(64 + $n) : $n < 256 ? "\x58" . chr $n : "\x59" . pack 'n', $n) . $_[0] }
sub temp { my $f = File::Temp->new; binmode $f; print $f $_[0]; close $f; $f }
sub int_der { my $n = $_[0] =~ s/^\0+//r; $n = "\0$n" if ord $n > 127; "\x02" . chr(length $n) . $n }
my $bundle = inside($d); my ($protected, undef, $payload, $signature) = map { $_->[0] } @{ inside($bundle->{257}[0]) };
die "not a record\n" if inside($protected)->{16}[0] ne 'rnt-record';
my $rs = int_der(substr $signature, 0, 32) . int_der(substr $signature, 32);
my ($tbs, $der) = (temp("\x84\x6aSignature1" . bstr($protected) . "\x40" . bstr($payload)), temp("\x30" . chr(length $rs) . $rs));
system("openssl dgst -sha256 -verify '$key' -signature '$der' '$tbs' >/dev/null 2>&1") == 0 or die "signature\n";
my $digests = inside($payload)->{260}[0];
for my $item (@{ $bundle->{258}[0] }) { my (undef, $field, $value) = map { $_->[0] } @{ $item->[0] };
  die "field $field\n" if !$digests->{$field} || sha256($item->[1]) ne $digests->{$field}[0]; print "$field $value\n" }
