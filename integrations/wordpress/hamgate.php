<?php
/*
 * Plugin Name: Hamgate
 * Description: Lets the Akismet plug-in, unchanged, ask your own Hamgate instead of akismet.com.
 * Requires PHP: 7.4
 * License: MIT OR Apache-2.0
 *
 * Copy this file to wp-content/mu-plugins/hamgate.php and activate the plug-in "Akismet". In wp-config.php you may set:
 *
 *   define( 'HAMGATE_URL', 'http://127.0.0.1:8080' );  // where Hamgate listens; this is the default
 *   define( 'HAMGATE_KEY', '…' );                      // what `hamgate key add` printed, if your Hamgate has keys
 *   define( 'HAMGATE_BIN_IS_SPAM', true );             // to put a waiting comment into the bin is to call it spam
 */

defined( 'ABSPATH' ) || exit;
defined( 'HAMGATE_URL' ) || define( 'HAMGATE_URL', 'http://127.0.0.1:8080' );

final class Hamgate {
	// Akismet's plug-in would wait 15 seconds, three times, while the reader looks at an empty page.
	private const PATIENCE_SECONDS = 3;
	// After silence, the same page asks no more for so long: approving a hundred comments must not take 300 seconds.
	private const PAUSE_SECONDS = 30;
	// Without a key of 12 characters Akismet's plug-in does nothing. A Hamgate that has no keys takes any.
	private const ANY_KEY = '000000000000';
	private const THANKS  = 'Thanks for making the web a better place.';
	private const PROBLEM = 'hamgate_problem';

	/** Whether the comment that was checked last must wait for a person. */
	private static $hold = false;
	/** Until when (Unix seconds) this process asks no more. */
	private static $paused_until = 0;

	public static function init() {
		// Last, and over any refusal: where a plug-in just forbids akismet.com, Akismet 5.5 lets every comment through.
		add_filter( 'pre_http_request', array( self::class, 'answer' ), PHP_INT_MAX, 3 );
		add_filter( 'akismet_get_api_key', array( self::class, 'key' ) );
		add_filter( 'akismet_predefined_api_key', array( self::class, 'key_is_predefined' ) );
		add_filter( 'pre_option_comment_moderation', array( self::class, 'moderation' ) );
		add_filter( 'rest_pre_insert_comment', array( self::class, 'hold_rest_comment' ), 2 );
		add_action( 'transition_comment_status', array( self::class, 'moderated' ), 10, 3 );
		add_action( 'admin_init', array( self::class, 'keep_browser_from_akismet' ) );
		add_action( 'admin_notices', array( self::class, 'notice' ) );
	}

	public static function key( $key ) {
		return defined( 'HAMGATE_KEY' ) ? HAMGATE_KEY : ( $key ? $key : self::ANY_KEY );
	}

	public static function key_is_predefined( $is ) {
		return $is || defined( 'HAMGATE_KEY' );
	}

	/** Answers whatever WordPress asks akismet.com: with Hamgate's words, or so that the comment waits. */
	public static function answer( $answer, $args, $url ) {
		$host = (string) wp_parse_url( $url, PHP_URL_HOST );
		// Akismet's test of the connection asks addresses and names the host in a header.
		$named = is_array( $args['headers'] ) && isset( $args['headers']['Host'] ) ? $args['headers']['Host'] : '';
		if ( is_array( $answer ) || ! preg_grep( '/(^|\.)akismet\.com\.?$/i', array( $host, $named ) ) ) {
			return $answer;
		}
		$path     = (string) wp_parse_url( $url, PHP_URL_PATH );
		$is_check = 'comment-check' === basename( $path );
		$answer   = self::ask( self::target( $host, $path, wp_parse_url( $url, PHP_URL_QUERY ) ), $args );
		$body     = wp_remote_retrieve_body( $answer );
		if ( in_array( $body, array( 'valid', 'connected' ), true ) || ( $is_check && self::is_verdict( $answer ) ) ) {
			delete_option( self::PROBLEM );
		} elseif ( $is_check ) {
			self::remember_problem( $answer );
		}
		if ( is_wp_error( $answer ) || ( $is_check && ! self::is_verdict( $answer ) ) ) {
			$answer = self::no_verdict();
		}
		if ( $is_check ) {
			self::$hold = 'false' !== wp_remote_retrieve_body( $answer )
				|| '' !== (string) wp_remote_retrieve_header( $answer, 'x-akismet-error' );
		}
		return $answer;
	}

	/** The same request, at Hamgate. Older callers name the key before the host; Hamgate takes it before the path. */
	private static function target( $host, $path, $query ) {
		if ( preg_match( '/^([0-9a-z]{12})\.rest\.akismet\.com$/i', $host, $parts ) ) {
			$path = '/' . self::key( $parts[1] ) . $path;
		}
		return untrailingslashit( HAMGATE_URL ) . $path . ( $query ? "?$query" : '' );
	}

	private static function ask( $url, $args ) {
		if ( time() < self::$paused_until ) {
			return new WP_Error( 'hamgate_paused', 'no answer a moment ago' );
		}
		if ( is_array( $args['headers'] ) ) {
			unset( $args['headers']['Host'] );
		}
		// After an outage Akismet's plug-in publishes what is not spam, so Hamgate then calls doubtful comments spam. Here
		// they stay where they are, see `moderation`: ask as the button "check for spam" asks.
		if ( is_string( $args['body'] ) ) {
			$args['body'] = preg_replace( '/(?<=&)recheck_reason=retry(?=&|$)/', 'recheck_reason=recheck_queue', $args['body'] );
		}
		$args['timeout']            = self::PATIENCE_SECONDS;
		$args['redirection']        = 0;
		$args['reject_unsafe_urls'] = false; // Hamgate may well be at an address of this machine.
		$answer                     = wp_remote_request( $url, $args );
		if ( is_wp_error( $answer ) ) {
			self::$paused_until = time() + self::PAUSE_SECONDS;
		}
		return $answer;
	}

	private static function is_verdict( $answer ) {
		return 200 === wp_remote_retrieve_response_code( $answer )
			&& in_array( wp_remote_retrieve_body( $answer ), array( 'true', 'false' ), true )
			&& '' !== (string) wp_remote_retrieve_header( $answer, 'x-akismet-guid' );
	}

	/** Neither true nor false: the comment waits, and Akismet's plug-in asks again after 20 minutes. New ones want a guid. */
	private static function no_verdict() {
		return array(
			'headers'  => array( 'x-akismet-guid' => bin2hex( random_bytes( 16 ) ) ),
			'body'     => 'unavailable',
			'response' => array( 'code' => 503, 'message' => 'Service Unavailable' ),
			'cookies'  => array(),
			'filename' => null,
		);
	}

	/**
	 * WordPress's own rule "comments must be approved", for the one comment that is to wait. It holds also where Akismet's
	 * plug-in sees only `false`, and not the header beside it that says hold: when it asks again after an outage.
	 */
	public static function moderation( $option ) {
		return self::$hold ? '1' : $option;
	}

	/** A comment that came through the REST API is asked about after WordPress has decided, so decide again. */
	public static function hold_rest_comment( $comment ) {
		if ( self::$hold && is_array( $comment ) && ! current_user_can( 'moderate_comments' ) ) {
			$status                      = isset( $comment['comment_approved'] ) ? $comment['comment_approved'] : '0';
			$comment['comment_approved'] = in_array( $status, array( 'spam', 'trash' ), true ) ? $status : '0';
		}
		return $comment;
	}

	/** What a person decided about a waiting comment. Akismet's plug-in tells only what goes into or out of spam. */
	public static function moderated( $new, $old, $comment ) {
		$id = $comment->comment_ID;
		if ( ! class_exists( 'Akismet' ) || wp_doing_cron() || ( defined( 'WP_IMPORTING' ) && WP_IMPORTING )
			|| ! current_user_can( 'edit_comment', $id ) || get_comment_meta( $id, 'akismet_rechecking' ) ) {
			return;
		}
		// What was told before, by Akismet's plug-in or here: 'true' is spam, 'false' is ham.
		$told = get_comment_meta( $id, 'akismet_user_result', true );
		if ( 'approved' === $new && in_array( $old, array( 'unapproved', 'trash' ), true ) && 'false' !== $told ) {
			self::tell( $comment, 'submit-ham' );
		} elseif ( 'trash' === $new && 'unapproved' === $old && 'true' !== $told
			&& defined( 'HAMGATE_BIN_IS_SPAM' ) && HAMGATE_BIN_IS_SPAM ) {
			self::tell( $comment, 'submit-spam' );
		}
	}

	private static function tell( $comment, $endpoint ) {
		$id     = $comment->comment_ID;
		$fields = array(
			'comment_ID'           => $id,
			'comment_type'         => $comment->comment_type,
			'comment_author'       => $comment->comment_author,
			'comment_author_email' => $comment->comment_author_email,
			'comment_author_url'   => $comment->comment_author_url,
			'comment_content'      => $comment->comment_content,
			'comment_date_gmt'     => $comment->comment_date_gmt,
			'user_ip'              => $comment->comment_author_IP,
			'user_agent'           => $comment->comment_agent,
		);
		// As it was when it was checked, before WordPress changed it; kept for 15 days.
		$checked = get_comment_meta( $id, 'akismet_as_submitted', true );
		$fields  = array_merge( $fields, is_array( $checked ) ? $checked : array() );
		$fields  = array_merge(
			$fields,
			array(
				'blog'                   => get_option( 'home' ),
				'blog_lang'              => get_locale(),
				'blog_charset'           => get_option( 'blog_charset' ),
				'permalink'              => get_permalink( $comment->comment_post_ID ),
				'reporter'               => wp_get_current_user()->user_login,
				'comment_check_response' => get_comment_meta( $id, 'akismet_result', true ),
			)
		);
		$fields  = apply_filters( 'akismet_request_args', $fields, $endpoint );
		$answer  = Akismet::http_post( Akismet::build_query( $fields ), $endpoint );
		if ( self::THANKS === $answer[1] ) {
			update_comment_meta( $id, 'akismet_user_result', 'submit-ham' === $endpoint ? 'false' : 'true' );
		}
	}

	/** The settings page shows figures from akismet.com in a frame, and would tell it the address of this blog. */
	public static function keep_browser_from_akismet() {
		// phpcs:ignore WordPress.Security.NonceVerification -- nothing is done, a page is shown
		if ( isset( $_GET['page'] ) && 'akismet-key-config' === $_GET['page'] && ! headers_sent() ) {
			header( "Content-Security-Policy: frame-src 'self'" );
		}
	}

	private static function remember_problem( $answer ) {
		if ( is_wp_error( $answer ) ) {
			$what = $answer->get_error_message();
		} else {
			$help = (string) wp_remote_retrieve_header( $answer, 'x-akismet-debug-help' );
			$body = wp_strip_all_tags( wp_remote_retrieve_body( $answer ), true );
			$what = wp_remote_retrieve_response_code( $answer ) . ' ' . ( $help ? $help : substr( $body, 0, 60 ) );
		}
		if ( ! get_option( self::PROBLEM ) ) {
			update_option( self::PROBLEM, array( 'since' => time(), 'what' => $what ) );
		}
	}

	public static function notice() {
		$is_german = 0 === strpos( get_user_locale(), 'de' );
		$problem   = get_option( self::PROBLEM );
		if ( ! class_exists( 'Akismet' ) && current_user_can( 'activate_plugins' ) ) {
			$text = $is_german
				? 'Hamgate: Bitte aktivieren Sie das Plugin „Akismet“. Solange es ruht, wird kein Kommentar geprüft.'
				: 'Hamgate: please activate the plug-in “Akismet”. While it rests, no comment is checked.';
		} elseif ( is_array( $problem ) && current_user_can( 'moderate_comments' ) ) {
			$text = sprintf(
				$is_german
					? 'Hamgate (%1$s) gibt seit %2$s kein Urteil: %3$s. Neue Kommentare warten auf Ihre Freigabe; keiner geht verloren.'
					: 'Hamgate (%1$s) gives no verdict since %2$s: %3$s. New comments wait for your approval; none is lost.',
				HAMGATE_URL,
				wp_date( get_option( 'date_format' ) . ' ' . get_option( 'time_format' ), $problem['since'] ),
				$problem['what']
			);
		}
		if ( isset( $text ) ) {
			echo '<div class="notice notice-warning"><p>' . esc_html( $text ) . '</p></div>';
		}
	}
}

Hamgate::init();
