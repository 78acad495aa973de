<?php
// Settings of a wiki like Wikimedia Commons on loopback; what the installer wrote is in the folder WIKI.
require getenv( 'WIKI' ) . '/LocalSettings.php';
$wgServer = getenv( 'WIKI_URL' );
$wgUploadDirectory = getenv( 'WIKI' ) . '/site/images';
$wgUploadPath = '/images';
$wgEnableUploads = true;
$wgFileExtensions = [ 'png', 'gif', 'jpg', 'svg', 'pdf' ];
$wgUseImageMagick = false;
$wgSVGConverter = false;
$wgJobRunRate = 0;
// A wiki that is drawn anew whenever it is lost need not wait for the disk.
$wgDBservers = [ [
	'type' => 'sqlite', 'dbname' => $wgDBname, 'dbDirectory' => $wgSQLiteDataDir, 'flags' => 0, 'load' => 1,
	'variables' => [ 'synchronous' => 'OFF' ],
] ];

// Commons tells authors and licences by its extension CommonsMetadata, which Debian does not have: it reads them from
// the templates on the description page. This does so with the two that draw_collection() writes.
$wgHooks['GetExtendedMetadata'][] = static function ( array &$metadata, $file ) {
	$page = MediaWiki\MediaWikiServices::getInstance()->getWikiPageFactory()->newFromTitle( $file->getTitle() );
	$text = $page->getContent() ? $page->getContent()->getText() : '';
	$source = [ 'source' => 'commons-desc-page' ];
	if ( preg_match( '/\|author=(.*?)\}\}/', $text, $found ) ) {
		$parser = MediaWiki\MediaWikiServices::getInstance()->getParserFactory()->create();
		$html = $parser->parse( $found[1], $file->getTitle(), ParserOptions::newFromAnon() )->getText( [ 'unwrap' => true ] );
		$metadata['Artist'] = [ 'value' => $html ] + $source;
	}
	if ( preg_match( '/\{\{cc-(by|by-sa)-([0-9.]+)\}\}/', $text, $found ) ) {
		[ , $name, $version ] = $found;
		$metadata['License'] = [ 'value' => "cc-$name-$version" ] + $source;
		$metadata['LicenseShortName'] = [ 'value' => 'CC ' . strtoupper( $name ) . " $version" ] + $source;
		$metadata['LicenseUrl'] = [ 'value' => "https://creativecommons.org/licenses/$name/$version" ] + $source;
	}
};
