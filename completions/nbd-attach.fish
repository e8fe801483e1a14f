# SPDX-License-Identifier: LGPL-2.1-or-later

# What list shows of ours: names, and devices.
function __nbd_attach_attached
    nbd-attach list 2>/dev/null | while read -l name device size state rest
        contains -- $name NAME -; and continue
        printf '%s\t%s\n' $name "$device, $state"
        test $device = -; or printf '%s\t%s\n' $device "$name, $state"
    end
end

# What is configured.
function __nbd_attach_configured
    nbd-attach check 2>/dev/null | string replace -r ':.*' ''
end

function __nbd_attach_devices
    for folder in /sys/block/nbd*
        string replace /sys/block/ /dev/ $folder
    end
end

set -l verbs attach detach list status monitor check info
set -l attach '__fish_seen_subcommand_from attach'
set -l info '__fish_seen_subcommand_from info'
set -l target '__fish_seen_subcommand_from attach info'
set -l attached '__fish_seen_subcommand_from detach status'
set -l detach '__fish_seen_subcommand_from detach'
set -l monitor '__fish_seen_subcommand_from monitor'
set -l json '__fish_seen_subcommand_from list status monitor info'
set -l no_verb "not __fish_seen_subcommand_from $verbs"

complete -c nbd-attach -f
complete -c nbd-attach -n $no_verb -a attach -d 'Attach an export, and print its device'
complete -c nbd-attach -n $no_verb -a detach -d 'Give a device back'
complete -c nbd-attach -n $no_verb -a list -d 'Show what is attached'
complete -c nbd-attach -n $no_verb -a status -d 'Show all that is known of an attachment'
complete -c nbd-attach -n $no_verb -a monitor -d 'Print events as they come'
complete -c nbd-attach -n $no_verb -a check -d 'Look at the configuration files'
complete -c nbd-attach -n $no_verb -a info -d 'Ask a server, touch no device'
complete -c nbd-attach -n $no_verb -l version -d 'Print the version'
complete -c nbd-attach -l help -d 'Print a summary'
complete -c nbd-attach -n "not $no_verb" -l verbose -d 'Tell each step'

complete -c nbd-attach -n $target -a 'nbds:// nbd:// nbds+unix:/// nbd+unix:/// nbds+vsock:// nbd+vsock://' -d URI
complete -c nbd-attach -n "$target; or __fish_seen_subcommand_from check" -a '(__nbd_attach_configured)' -d configured
complete -c nbd-attach -n $target -x -l tls -a 'require prefer off' -d 'What nbd:// means'
complete -c nbd-attach -n $target -x -l tls-type -a 'x509 psk anon' -d 'How to authenticate'
complete -c nbd-attach -n $target -x -l tls-verify-peer -a '0 1' -d 'Whether to verify the server'
complete -c nbd-attach -n $target -l tls-ignore-not-before -d 'Take a certificate that is not valid yet'
complete -c nbd-attach -n $target -rF -l tls-ca -d 'Whom to trust'
complete -c nbd-attach -n $target -rF -l tls-cert -d 'Client certificate'
complete -c nbd-attach -n $target -rF -l tls-key -d 'Key of the client certificate'
complete -c nbd-attach -n $target -rF -l tls-psk-file -d 'Pre-shared key'
complete -c nbd-attach -n $target -x -l tls-username -d 'Which key of the PSK file'
complete -c nbd-attach -n $target -x -l tls-hostname -d 'The name in the server\'s certificate'
complete -c nbd-attach -n $target -x -l tls-priority -d 'GnuTLS priority string'
complete -c nbd-attach -n $target -x -l connect-timeout -a '10s 30s 1min 5min' -d 'For resolving, connecting and negotiating'

complete -c nbd-attach -n $attach -l foreground -d 'Supervise in the foreground'
complete -c nbd-attach -n $attach -l no-daemon -d 'Do not supervise'
complete -c nbd-attach -n $attach -l lock-memory -d 'Keep the supervisor in memory'
complete -c nbd-attach -n $attach -x -l name -d 'The attachment\'s name'
complete -c nbd-attach -n $attach -x -l device -a '(__nbd_attach_devices)' -d 'Which device to use'
complete -c nbd-attach -n $attach -l read-only -d 'Make the device read-only'
complete -c nbd-attach -n $attach -l exclusive -d 'Refuse an export that is attached already'
complete -c nbd-attach -n $attach -x -l connections -a 'auto 1 2 4 8 16' -d 'Links to the server'
complete -c nbd-attach -n $attach -x -l data-path -a 'auto kernel relay' -d 'Who carries the data'
complete -c nbd-attach -n $attach -x -l block-size -a '512 1K 2K 4K' -d 'Logical block size'
complete -c nbd-attach -n $attach -x -l io-timeout -a '10s 30s 1min 5min' -d 'How long the server may be silent'
complete -c nbd-attach -n $attach -x -l reconnect-timeout -a '0 10s 30s 1min 5min infinity' -d 'How long I/O waits for a lost server'

complete -c nbd-attach -n $info -l list -d 'List the exports'
complete -c nbd-attach -n $json -l json -d 'Print JSON'

complete -c nbd-attach -n $attached -a '(__nbd_attach_attached)'
complete -c nbd-attach -n $monitor -a '(__nbd_attach_attached | string match -v "/*")'
complete -c nbd-attach -n $detach -l force -d 'Also if it is in use'
complete -c nbd-attach -n $detach -l all -d 'All attachments'
