# Says what Monitoring::Plugin, the reference in Perl, makes of a plugin's output.
#
# Reads questions and writes answers, a line each, fields between tabs:
#
#   perfdata 'a'=1s;2:;3:  ->  a 1 s 2: 3: <empty> <empty>, and so on for each
#   alerts RANGE VALUE     ->  1, 0, or "invalid"
use strict;
use warnings;

use Monitoring::Plugin::Performance;
use Monitoring::Plugin::Range;

$| = 1;
while ( my $line = <STDIN> ) {
    chomp $line;
    my ( $question, @rest ) = split /\t/, $line, -1;
    if ( $question eq 'perfdata' ) {
        my @fields = map {
            my $one = $_;
            map { $one->$_ // '' } qw(label value uom warning critical min max)
        } Monitoring::Plugin::Performance->parse_perfstring( $rest[0] );
        print join( "\t", @fields ), "\n";
    }
    else {
        local $SIG{__WARN__} = sub { };    # it complains of what it does not take
        my $range = Monitoring::Plugin::Range->parse_range_string( $rest[0] );
        print defined $range ? $range->check_range( $rest[1] ) : 'invalid', "\n";
    }
}
