#!/bin/bash
# What a provider of shared hosting has set up, with the settings of mod_fcgid and
# mod_rewrite as Debian ships them: programs run as the account's user.
set -eu

useradd --create-home you
chmod 755 /home/you
install -d -o you -g you /home/you/public_html
install -o you -g you /provider/*.tar.gz /home/you
a2enmod -q fcgid rewrite
cat >/etc/apache2/sites-available/000-default.conf <<'END'
<VirtualHost *:80>
	DocumentRoot /home/you/public_html
	<Directory /home/you/public_html>
		AllowOverride All
		Require all granted
	</Directory>
</VirtualHost>
END
sed -i 's/^export APACHE_RUN_\(USER\|GROUP\)=.*/export APACHE_RUN_\1=you/' \
	/etc/apache2/envvars
chown -R you:you /var/lib/apache2/fcgid
systemctl restart apache2
