/* A Bison parser, made by GNU Bison 3.8.2.  */

/* Bison implementation for Yacc-like parsers in C

   Copyright (C) 1984, 1989-1990, 2000-2015, 2018-2021 Free Software Foundation,
   Inc.

   This program is free software: you can redistribute it and/or modify
   it under the terms of the GNU General Public License as published by
   the Free Software Foundation, either version 3 of the License, or
   (at your option) any later version.

   This program is distributed in the hope that it will be useful,
   but WITHOUT ANY WARRANTY; without even the implied warranty of
   MERCHANTABILITY or FITNESS FOR A PARTICULAR PURPOSE.  See the
   GNU General Public License for more details.

   You should have received a copy of the GNU General Public License
   along with this program.  If not, see <https://www.gnu.org/licenses/>.  */

/* As a special exception, you may create a larger work that contains
   part or all of the Bison parser skeleton and distribute that work
   under terms of your choice, so long as that work isn't itself a
   parser generator using the skeleton or a modified version thereof
   as a parser skeleton.  Alternatively, if you modify or redistribute
   the parser skeleton itself, you may (at your option) remove this
   special exception, which will cause the skeleton and the resulting
   Bison output files to be licensed under the GNU General Public
   License without this special exception.

   This special exception was added by the Free Software Foundation in
   version 2.2 of Bison.  */

/* C LALR(1) parser skeleton written by Richard Stallman, by
   simplifying the original so-called "semantic" parser.  */

/* DO NOT RELY ON FEATURES THAT ARE NOT DOCUMENTED in the manual,
   especially those whose name start with YY_ or yy_.  They are
   private implementation details that can be changed or removed.  */

/* All symbols defined below should begin with yy or YY, to avoid
   infringing on user name space.  This should be done even for local
   variables, as they might otherwise be expanded by user macros.
   There are some unavoidable exceptions within include files to
   define necessary library symbols; they are noted "INFRINGES ON
   USER NAME SPACE" below.  */

/* Identify Bison output, and Bison version.  */
#define YYBISON 30802

/* Bison version string.  */
#define YYBISON_VERSION "3.8.2"

/* Skeleton name.  */
#define YYSKELETON_NAME "yacc.c"

/* Pure parsers.  */
#define YYPURE 0

/* Push parsers.  */
#define YYPUSH 0

/* Pull parsers.  */
#define YYPULL 1




/* First part of user prologue.  */
#line 19 "kbsd/parent/parse.y"

#include <sys/queue.h>
#include <sys/stat.h>

#include <ctype.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "parent.h"

#define INCLUDE_DEPTH	8
#define LINE_LONGEST	4096

/* A file that is being read, or one that includes it. */
static struct file {
	TAILQ_ENTRY(file)	 entry;
	FILE			*stream;
	char			*name;
	int			 line;
	int			 depth;
	int			 ended;		/* its last line has been */
} *file;
static TAILQ_HEAD(files, file)	 files = TAILQ_HEAD_INITIALIZER(files);

struct macro {
	TAILQ_ENTRY(macro)	 entry;
	char			*name;
	char			*value;
	int			 fixed;		/* of the command line */
};
static TAILQ_HEAD(, macro)	 macros = TAILQ_HEAD_INITIALIZER(macros);

static struct config		*conf;
static struct attestation	*attestation;
static struct keystore		*keystore;
static int			 errors;
static int			 token_line;	/* where the last one began */
static char			 last_word[64];	/* for syntax errors */

static int		 yylex(void);
static void		 yyerror(const char *, ...)
			    __attribute__((format(printf, 1, 2)));
static int		 file_push(const char *);
static void		 file_pop(void);
static const char	*macro_get(const char *);
static int		 macro_set(const char *, const char *, int);
static void		 listener_add(char *, int64_t, enum role);
static void		 attestation_begin(char *);
static void		 keystore_begin(char *);
static void		 set_once(char **, char *, const char *);
static unsigned int	 range(int64_t, int64_t, int64_t, const char *);

typedef union {
	int64_t		 number;
	char		*string;
} YYSTYPE;
#define YYSTYPE_IS_DECLARED 1

#line 137 "y.tab.c"

# ifndef YY_CAST
#  ifdef __cplusplus
#   define YY_CAST(Type, Val) static_cast<Type> (Val)
#   define YY_REINTERPRET_CAST(Type, Val) reinterpret_cast<Type> (Val)
#  else
#   define YY_CAST(Type, Val) ((Type) (Val))
#   define YY_REINTERPRET_CAST(Type, Val) ((Type) (Val))
#  endif
# endif
# ifndef YY_NULLPTR
#  if defined __cplusplus
#   if 201103L <= __cplusplus
#    define YY_NULLPTR nullptr
#   else
#    define YY_NULLPTR 0
#   endif
#  else
#   define YY_NULLPTR ((void*)0)
#  endif
# endif


/* Debug traces.  */
#ifndef YYDEBUG
# define YYDEBUG 0
#endif
#if YYDEBUG
extern int yydebug;
#endif

/* Token kinds.  */
#ifndef YYTOKENTYPE
# define YYTOKENTYPE
  enum yytokentype
  {
    YYEMPTY = -2,
    YYEOF = 0,                     /* "end of file"  */
    YYerror = 256,                 /* error  */
    YYUNDEF = 257,                 /* "invalid token"  */
    ADMINISTRATOR = 258,           /* ADMINISTRATOR  */
    API = 259,                     /* API  */
    ATTEMPTS = 260,                /* ATTEMPTS  */
    ATTESTATION = 261,             /* ATTESTATION  */
    AUDIT = 262,                   /* AUDIT  */
    AUTHORITY = 263,               /* AUTHORITY  */
    BASE = 264,                    /* BASE  */
    CA = 265,                      /* CA  */
    CERTIFICATE = 266,             /* CERTIFICATE  */
    CONNECTIONS = 267,             /* CONNECTIONS  */
    CONTROL = 268,                 /* CONTROL  */
    CRL = 269,                     /* CRL  */
    DIRECTORY = 270,               /* DIRECTORY  */
    ERROR = 271,                   /* ERROR  */
    FILETOKEN = 272,               /* FILETOKEN  */
    GROUP = 273,                   /* GROUP  */
    HOST = 274,                    /* HOST  */
    INCLUDE = 275,                 /* INCLUDE  */
    ISSUER = 276,                  /* ISSUER  */
    KEY = 277,                     /* KEY  */
    KEYSTORE = 278,                /* KEYSTORE  */
    KEYUSER = 279,                 /* KEYUSER  */
    LIFETIME = 280,                /* LIFETIME  */
    LISTEN = 281,                  /* LISTEN  */
    LOCAL = 282,                   /* LOCAL  */
    LOCKOUT = 283,                 /* LOCKOUT  */
    LOGIN = 284,                   /* LOGIN  */
    LOGTOKEN = 285,                /* LOGTOKEN  */
    MASTER = 286,                  /* MASTER  */
    NAMES = 287,                   /* NAMES  */
    NONCE = 288,                   /* NONCE  */
    ON = 289,                      /* ON  */
    OPTIONAL = 290,                /* OPTIONAL  */
    PASSWORD = 291,                /* PASSWORD  */
    PORT = 292,                    /* PORT  */
    PREFORK = 293,                 /* PREFORK  */
    PROXY = 294,                   /* PROXY  */
    REFETCH = 295,                 /* REFETCH  */
    REQUIRE = 296,                 /* REQUIRE  */
    RETRY = 297,                   /* RETRY  */
    ROLE = 298,                    /* ROLE  */
    ROLEADMIN = 299,               /* ROLEADMIN  */
    ROLEALL = 300,                 /* ROLEALL  */
    ROLETRANSFER = 301,            /* ROLETRANSFER  */
    ROOT = 302,                    /* ROOT  */
    SOCKET = 303,                  /* SOCKET  */
    TLS = 304,                     /* TLS  */
    TO = 305,                      /* TO  */
    TOKEN = 306,                   /* TOKEN  */
    TRUST = 307,                   /* TRUST  */
    USER = 308,                    /* USER  */
    VERBOSE = 309,                 /* VERBOSE  */
    VERSIONTOKEN = 310,            /* VERSIONTOKEN  */
    WAIT = 311,                    /* WAIT  */
    WITHIN = 312,                  /* WITHIN  */
    STRING = 313,                  /* STRING  */
    NUMBER = 314                   /* NUMBER  */
  };
  typedef enum yytokentype yytoken_kind_t;
#endif
/* Token kinds.  */
#define YYEMPTY -2
#define YYEOF 0
#define YYerror 256
#define YYUNDEF 257
#define ADMINISTRATOR 258
#define API 259
#define ATTEMPTS 260
#define ATTESTATION 261
#define AUDIT 262
#define AUTHORITY 263
#define BASE 264
#define CA 265
#define CERTIFICATE 266
#define CONNECTIONS 267
#define CONTROL 268
#define CRL 269
#define DIRECTORY 270
#define ERROR 271
#define FILETOKEN 272
#define GROUP 273
#define HOST 274
#define INCLUDE 275
#define ISSUER 276
#define KEY 277
#define KEYSTORE 278
#define KEYUSER 279
#define LIFETIME 280
#define LISTEN 281
#define LOCAL 282
#define LOCKOUT 283
#define LOGIN 284
#define LOGTOKEN 285
#define MASTER 286
#define NAMES 287
#define NONCE 288
#define ON 289
#define OPTIONAL 290
#define PASSWORD 291
#define PORT 292
#define PREFORK 293
#define PROXY 294
#define REFETCH 295
#define REQUIRE 296
#define RETRY 297
#define ROLE 298
#define ROLEADMIN 299
#define ROLEALL 300
#define ROLETRANSFER 301
#define ROOT 302
#define SOCKET 303
#define TLS 304
#define TO 305
#define TOKEN 306
#define TRUST 307
#define USER 308
#define VERBOSE 309
#define VERSIONTOKEN 310
#define WAIT 311
#define WITHIN 312
#define STRING 313
#define NUMBER 314

/* Value type.  */


extern YYSTYPE yylval;


int yyparse (void);



/* Symbol kind.  */
enum yysymbol_kind_t
{
  YYSYMBOL_YYEMPTY = -2,
  YYSYMBOL_YYEOF = 0,                      /* "end of file"  */
  YYSYMBOL_YYerror = 1,                    /* error  */
  YYSYMBOL_YYUNDEF = 2,                    /* "invalid token"  */
  YYSYMBOL_ADMINISTRATOR = 3,              /* ADMINISTRATOR  */
  YYSYMBOL_API = 4,                        /* API  */
  YYSYMBOL_ATTEMPTS = 5,                   /* ATTEMPTS  */
  YYSYMBOL_ATTESTATION = 6,                /* ATTESTATION  */
  YYSYMBOL_AUDIT = 7,                      /* AUDIT  */
  YYSYMBOL_AUTHORITY = 8,                  /* AUTHORITY  */
  YYSYMBOL_BASE = 9,                       /* BASE  */
  YYSYMBOL_CA = 10,                        /* CA  */
  YYSYMBOL_CERTIFICATE = 11,               /* CERTIFICATE  */
  YYSYMBOL_CONNECTIONS = 12,               /* CONNECTIONS  */
  YYSYMBOL_CONTROL = 13,                   /* CONTROL  */
  YYSYMBOL_CRL = 14,                       /* CRL  */
  YYSYMBOL_DIRECTORY = 15,                 /* DIRECTORY  */
  YYSYMBOL_ERROR = 16,                     /* ERROR  */
  YYSYMBOL_FILETOKEN = 17,                 /* FILETOKEN  */
  YYSYMBOL_GROUP = 18,                     /* GROUP  */
  YYSYMBOL_HOST = 19,                      /* HOST  */
  YYSYMBOL_INCLUDE = 20,                   /* INCLUDE  */
  YYSYMBOL_ISSUER = 21,                    /* ISSUER  */
  YYSYMBOL_KEY = 22,                       /* KEY  */
  YYSYMBOL_KEYSTORE = 23,                  /* KEYSTORE  */
  YYSYMBOL_KEYUSER = 24,                   /* KEYUSER  */
  YYSYMBOL_LIFETIME = 25,                  /* LIFETIME  */
  YYSYMBOL_LISTEN = 26,                    /* LISTEN  */
  YYSYMBOL_LOCAL = 27,                     /* LOCAL  */
  YYSYMBOL_LOCKOUT = 28,                   /* LOCKOUT  */
  YYSYMBOL_LOGIN = 29,                     /* LOGIN  */
  YYSYMBOL_LOGTOKEN = 30,                  /* LOGTOKEN  */
  YYSYMBOL_MASTER = 31,                    /* MASTER  */
  YYSYMBOL_NAMES = 32,                     /* NAMES  */
  YYSYMBOL_NONCE = 33,                     /* NONCE  */
  YYSYMBOL_ON = 34,                        /* ON  */
  YYSYMBOL_OPTIONAL = 35,                  /* OPTIONAL  */
  YYSYMBOL_PASSWORD = 36,                  /* PASSWORD  */
  YYSYMBOL_PORT = 37,                      /* PORT  */
  YYSYMBOL_PREFORK = 38,                   /* PREFORK  */
  YYSYMBOL_PROXY = 39,                     /* PROXY  */
  YYSYMBOL_REFETCH = 40,                   /* REFETCH  */
  YYSYMBOL_REQUIRE = 41,                   /* REQUIRE  */
  YYSYMBOL_RETRY = 42,                     /* RETRY  */
  YYSYMBOL_ROLE = 43,                      /* ROLE  */
  YYSYMBOL_ROLEADMIN = 44,                 /* ROLEADMIN  */
  YYSYMBOL_ROLEALL = 45,                   /* ROLEALL  */
  YYSYMBOL_ROLETRANSFER = 46,              /* ROLETRANSFER  */
  YYSYMBOL_ROOT = 47,                      /* ROOT  */
  YYSYMBOL_SOCKET = 48,                    /* SOCKET  */
  YYSYMBOL_TLS = 49,                       /* TLS  */
  YYSYMBOL_TO = 50,                        /* TO  */
  YYSYMBOL_TOKEN = 51,                     /* TOKEN  */
  YYSYMBOL_TRUST = 52,                     /* TRUST  */
  YYSYMBOL_USER = 53,                      /* USER  */
  YYSYMBOL_VERBOSE = 54,                   /* VERBOSE  */
  YYSYMBOL_VERSIONTOKEN = 55,              /* VERSIONTOKEN  */
  YYSYMBOL_WAIT = 56,                      /* WAIT  */
  YYSYMBOL_WITHIN = 57,                    /* WITHIN  */
  YYSYMBOL_STRING = 58,                    /* STRING  */
  YYSYMBOL_NUMBER = 59,                    /* NUMBER  */
  YYSYMBOL_60_n_ = 60,                     /* '\n'  */
  YYSYMBOL_61_ = 61,                       /* '='  */
  YYSYMBOL_62_ = 62,                       /* '{'  */
  YYSYMBOL_63_ = 63,                       /* '}'  */
  YYSYMBOL_64_ = 64,                       /* '*'  */
  YYSYMBOL_65_ = 65,                       /* ','  */
  YYSYMBOL_66_ = 66,                       /* ';'  */
  YYSYMBOL_YYACCEPT = 67,                  /* $accept  */
  YYSYMBOL_grammar = 68,                   /* grammar  */
  YYSYMBOL_include = 69,                   /* include  */
  YYSYMBOL_macro = 70,                     /* macro  */
  YYSYMBOL_main = 71,                      /* main  */
  YYSYMBOL_72_1 = 72,                      /* $@1  */
  YYSYMBOL_73_2 = 73,                      /* $@2  */
  YYSYMBOL_control_opt = 74,               /* control_opt  */
  YYSYMBOL_name = 75,                      /* name  */
  YYSYMBOL_port = 76,                      /* port  */
  YYSYMBOL_role = 77,                      /* role  */
  YYSYMBOL_namelist = 78,                  /* namelist  */
  YYSYMBOL_comma = 79,                     /* comma  */
  YYSYMBOL_optnl = 80,                     /* optnl  */
  YYSYMBOL_sep = 81,                       /* sep  */
  YYSYMBOL_seconds = 82,                   /* seconds  */
  YYSYMBOL_login_opts = 83,                /* login_opts  */
  YYSYMBOL_login_opt = 84,                 /* login_opt  */
  YYSYMBOL_attestation_opts = 85,          /* attestation_opts  */
  YYSYMBOL_attestation_opt = 86,           /* attestation_opt  */
  YYSYMBOL_keystore_block = 87,            /* keystore_block  */
  YYSYMBOL_keystore_opts = 88,             /* keystore_opts  */
  YYSYMBOL_keystore_opt = 89               /* keystore_opt  */
};
typedef enum yysymbol_kind_t yysymbol_kind_t;




#ifdef short
# undef short
#endif

/* On compilers that do not define __PTRDIFF_MAX__ etc., make sure
   <limits.h> and (if available) <stdint.h> are included
   so that the code can choose integer types of a good width.  */

#ifndef __PTRDIFF_MAX__
# include <limits.h> /* INFRINGES ON USER NAME SPACE */
# if defined __STDC_VERSION__ && 199901 <= __STDC_VERSION__
#  include <stdint.h> /* INFRINGES ON USER NAME SPACE */
#  define YY_STDINT_H
# endif
#endif

/* Narrow types that promote to a signed type and that can represent a
   signed or unsigned integer of at least N bits.  In tables they can
   save space and decrease cache pressure.  Promoting to a signed type
   helps avoid bugs in integer arithmetic.  */

#ifdef __INT_LEAST8_MAX__
typedef __INT_LEAST8_TYPE__ yytype_int8;
#elif defined YY_STDINT_H
typedef int_least8_t yytype_int8;
#else
typedef signed char yytype_int8;
#endif

#ifdef __INT_LEAST16_MAX__
typedef __INT_LEAST16_TYPE__ yytype_int16;
#elif defined YY_STDINT_H
typedef int_least16_t yytype_int16;
#else
typedef short yytype_int16;
#endif

/* Work around bug in HP-UX 11.23, which defines these macros
   incorrectly for preprocessor constants.  This workaround can likely
   be removed in 2023, as HPE has promised support for HP-UX 11.23
   (aka HP-UX 11i v2) only through the end of 2022; see Table 2 of
   <https://h20195.www2.hpe.com/V2/getpdf.aspx/4AA4-7673ENW.pdf>.  */
#ifdef __hpux
# undef UINT_LEAST8_MAX
# undef UINT_LEAST16_MAX
# define UINT_LEAST8_MAX 255
# define UINT_LEAST16_MAX 65535
#endif

#if defined __UINT_LEAST8_MAX__ && __UINT_LEAST8_MAX__ <= __INT_MAX__
typedef __UINT_LEAST8_TYPE__ yytype_uint8;
#elif (!defined __UINT_LEAST8_MAX__ && defined YY_STDINT_H \
       && UINT_LEAST8_MAX <= INT_MAX)
typedef uint_least8_t yytype_uint8;
#elif !defined __UINT_LEAST8_MAX__ && UCHAR_MAX <= INT_MAX
typedef unsigned char yytype_uint8;
#else
typedef short yytype_uint8;
#endif

#if defined __UINT_LEAST16_MAX__ && __UINT_LEAST16_MAX__ <= __INT_MAX__
typedef __UINT_LEAST16_TYPE__ yytype_uint16;
#elif (!defined __UINT_LEAST16_MAX__ && defined YY_STDINT_H \
       && UINT_LEAST16_MAX <= INT_MAX)
typedef uint_least16_t yytype_uint16;
#elif !defined __UINT_LEAST16_MAX__ && USHRT_MAX <= INT_MAX
typedef unsigned short yytype_uint16;
#else
typedef int yytype_uint16;
#endif

#ifndef YYPTRDIFF_T
# if defined __PTRDIFF_TYPE__ && defined __PTRDIFF_MAX__
#  define YYPTRDIFF_T __PTRDIFF_TYPE__
#  define YYPTRDIFF_MAXIMUM __PTRDIFF_MAX__
# elif defined PTRDIFF_MAX
#  ifndef ptrdiff_t
#   include <stddef.h> /* INFRINGES ON USER NAME SPACE */
#  endif
#  define YYPTRDIFF_T ptrdiff_t
#  define YYPTRDIFF_MAXIMUM PTRDIFF_MAX
# else
#  define YYPTRDIFF_T long
#  define YYPTRDIFF_MAXIMUM LONG_MAX
# endif
#endif

#ifndef YYSIZE_T
# ifdef __SIZE_TYPE__
#  define YYSIZE_T __SIZE_TYPE__
# elif defined size_t
#  define YYSIZE_T size_t
# elif defined __STDC_VERSION__ && 199901 <= __STDC_VERSION__
#  include <stddef.h> /* INFRINGES ON USER NAME SPACE */
#  define YYSIZE_T size_t
# else
#  define YYSIZE_T unsigned
# endif
#endif

#define YYSIZE_MAXIMUM                                  \
  YY_CAST (YYPTRDIFF_T,                                 \
           (YYPTRDIFF_MAXIMUM < YY_CAST (YYSIZE_T, -1)  \
            ? YYPTRDIFF_MAXIMUM                         \
            : YY_CAST (YYSIZE_T, -1)))

#define YYSIZEOF(X) YY_CAST (YYPTRDIFF_T, sizeof (X))


/* Stored state numbers (used for stacks). */
typedef yytype_uint8 yy_state_t;

/* State numbers in computations.  */
typedef int yy_state_fast_t;

#ifndef YY_
# if defined YYENABLE_NLS && YYENABLE_NLS
#  if ENABLE_NLS
#   include <libintl.h> /* INFRINGES ON USER NAME SPACE */
#   define YY_(Msgid) dgettext ("bison-runtime", Msgid)
#  endif
# endif
# ifndef YY_
#  define YY_(Msgid) Msgid
# endif
#endif


#ifndef YY_ATTRIBUTE_PURE
# if defined __GNUC__ && 2 < __GNUC__ + (96 <= __GNUC_MINOR__)
#  define YY_ATTRIBUTE_PURE __attribute__ ((__pure__))
# else
#  define YY_ATTRIBUTE_PURE
# endif
#endif

#ifndef YY_ATTRIBUTE_UNUSED
# if defined __GNUC__ && 2 < __GNUC__ + (7 <= __GNUC_MINOR__)
#  define YY_ATTRIBUTE_UNUSED __attribute__ ((__unused__))
# else
#  define YY_ATTRIBUTE_UNUSED
# endif
#endif

/* Suppress unused-variable warnings by "using" E.  */
#if ! defined lint || defined __GNUC__
# define YY_USE(E) ((void) (E))
#else
# define YY_USE(E) /* empty */
#endif

/* Suppress an incorrect diagnostic about yylval being uninitialized.  */
#if defined __GNUC__ && ! defined __ICC && 406 <= __GNUC__ * 100 + __GNUC_MINOR__
# if __GNUC__ * 100 + __GNUC_MINOR__ < 407
#  define YY_IGNORE_MAYBE_UNINITIALIZED_BEGIN                           \
    _Pragma ("GCC diagnostic push")                                     \
    _Pragma ("GCC diagnostic ignored \"-Wuninitialized\"")
# else
#  define YY_IGNORE_MAYBE_UNINITIALIZED_BEGIN                           \
    _Pragma ("GCC diagnostic push")                                     \
    _Pragma ("GCC diagnostic ignored \"-Wuninitialized\"")              \
    _Pragma ("GCC diagnostic ignored \"-Wmaybe-uninitialized\"")
# endif
# define YY_IGNORE_MAYBE_UNINITIALIZED_END      \
    _Pragma ("GCC diagnostic pop")
#else
# define YY_INITIAL_VALUE(Value) Value
#endif
#ifndef YY_IGNORE_MAYBE_UNINITIALIZED_BEGIN
# define YY_IGNORE_MAYBE_UNINITIALIZED_BEGIN
# define YY_IGNORE_MAYBE_UNINITIALIZED_END
#endif
#ifndef YY_INITIAL_VALUE
# define YY_INITIAL_VALUE(Value) /* Nothing. */
#endif

#if defined __cplusplus && defined __GNUC__ && ! defined __ICC && 6 <= __GNUC__
# define YY_IGNORE_USELESS_CAST_BEGIN                          \
    _Pragma ("GCC diagnostic push")                            \
    _Pragma ("GCC diagnostic ignored \"-Wuseless-cast\"")
# define YY_IGNORE_USELESS_CAST_END            \
    _Pragma ("GCC diagnostic pop")
#endif
#ifndef YY_IGNORE_USELESS_CAST_BEGIN
# define YY_IGNORE_USELESS_CAST_BEGIN
# define YY_IGNORE_USELESS_CAST_END
#endif


#define YY_ASSERT(E) ((void) (0 && (E)))

#if !defined yyoverflow

/* The parser invokes alloca or malloc; define the necessary symbols.  */

# ifdef YYSTACK_USE_ALLOCA
#  if YYSTACK_USE_ALLOCA
#   ifdef __GNUC__
#    define YYSTACK_ALLOC __builtin_alloca
#   elif defined __BUILTIN_VA_ARG_INCR
#    include <alloca.h> /* INFRINGES ON USER NAME SPACE */
#   elif defined _AIX
#    define YYSTACK_ALLOC __alloca
#   elif defined _MSC_VER
#    include <malloc.h> /* INFRINGES ON USER NAME SPACE */
#    define alloca _alloca
#   else
#    define YYSTACK_ALLOC alloca
#    if ! defined _ALLOCA_H && ! defined EXIT_SUCCESS
#     include <stdlib.h> /* INFRINGES ON USER NAME SPACE */
      /* Use EXIT_SUCCESS as a witness for stdlib.h.  */
#     ifndef EXIT_SUCCESS
#      define EXIT_SUCCESS 0
#     endif
#    endif
#   endif
#  endif
# endif

# ifdef YYSTACK_ALLOC
   /* Pacify GCC's 'empty if-body' warning.  */
#  define YYSTACK_FREE(Ptr) do { /* empty */; } while (0)
#  ifndef YYSTACK_ALLOC_MAXIMUM
    /* The OS might guarantee only one guard page at the bottom of the stack,
       and a page size can be as small as 4096 bytes.  So we cannot safely
       invoke alloca (N) if N exceeds 4096.  Use a slightly smaller number
       to allow for a few compiler-allocated temporary stack slots.  */
#   define YYSTACK_ALLOC_MAXIMUM 4032 /* reasonable circa 2006 */
#  endif
# else
#  define YYSTACK_ALLOC YYMALLOC
#  define YYSTACK_FREE YYFREE
#  ifndef YYSTACK_ALLOC_MAXIMUM
#   define YYSTACK_ALLOC_MAXIMUM YYSIZE_MAXIMUM
#  endif
#  if (defined __cplusplus && ! defined EXIT_SUCCESS \
       && ! ((defined YYMALLOC || defined malloc) \
             && (defined YYFREE || defined free)))
#   include <stdlib.h> /* INFRINGES ON USER NAME SPACE */
#   ifndef EXIT_SUCCESS
#    define EXIT_SUCCESS 0
#   endif
#  endif
#  ifndef YYMALLOC
#   define YYMALLOC malloc
#   if ! defined malloc && ! defined EXIT_SUCCESS
void *malloc (YYSIZE_T); /* INFRINGES ON USER NAME SPACE */
#   endif
#  endif
#  ifndef YYFREE
#   define YYFREE free
#   if ! defined free && ! defined EXIT_SUCCESS
void free (void *); /* INFRINGES ON USER NAME SPACE */
#   endif
#  endif
# endif
#endif /* !defined yyoverflow */

#if (! defined yyoverflow \
     && (! defined __cplusplus \
         || (defined YYSTYPE_IS_TRIVIAL && YYSTYPE_IS_TRIVIAL)))

/* A type that is properly aligned for any stack member.  */
union yyalloc
{
  yy_state_t yyss_alloc;
  YYSTYPE yyvs_alloc;
};

/* The size of the maximum gap between one aligned stack and the next.  */
# define YYSTACK_GAP_MAXIMUM (YYSIZEOF (union yyalloc) - 1)

/* The size of an array large to enough to hold all stacks, each with
   N elements.  */
# define YYSTACK_BYTES(N) \
     ((N) * (YYSIZEOF (yy_state_t) + YYSIZEOF (YYSTYPE)) \
      + YYSTACK_GAP_MAXIMUM)

# define YYCOPY_NEEDED 1

/* Relocate STACK from its old location to the new one.  The
   local variables YYSIZE and YYSTACKSIZE give the old and new number of
   elements in the stack, and YYPTR gives the new location of the
   stack.  Advance YYPTR to a properly aligned location for the next
   stack.  */
# define YYSTACK_RELOCATE(Stack_alloc, Stack)                           \
    do                                                                  \
      {                                                                 \
        YYPTRDIFF_T yynewbytes;                                         \
        YYCOPY (&yyptr->Stack_alloc, Stack, yysize);                    \
        Stack = &yyptr->Stack_alloc;                                    \
        yynewbytes = yystacksize * YYSIZEOF (*Stack) + YYSTACK_GAP_MAXIMUM; \
        yyptr += yynewbytes / YYSIZEOF (*yyptr);                        \
      }                                                                 \
    while (0)

#endif

#if defined YYCOPY_NEEDED && YYCOPY_NEEDED
/* Copy COUNT objects from SRC to DST.  The source and destination do
   not overlap.  */
# ifndef YYCOPY
#  if defined __GNUC__ && 1 < __GNUC__
#   define YYCOPY(Dst, Src, Count) \
      __builtin_memcpy (Dst, Src, YY_CAST (YYSIZE_T, (Count)) * sizeof (*(Src)))
#  else
#   define YYCOPY(Dst, Src, Count)              \
      do                                        \
        {                                       \
          YYPTRDIFF_T yyi;                      \
          for (yyi = 0; yyi < (Count); yyi++)   \
            (Dst)[yyi] = (Src)[yyi];            \
        }                                       \
      while (0)
#  endif
# endif
#endif /* !YYCOPY_NEEDED */

/* YYFINAL -- State number of the termination state.  */
#define YYFINAL  2
/* YYLAST -- Last index in YYTABLE.  */
#define YYLAST   123

/* YYNTOKENS -- Number of terminals.  */
#define YYNTOKENS  67
/* YYNNTS -- Number of nonterminals.  */
#define YYNNTS  23
/* YYNRULES -- Number of rules.  */
#define YYNRULES  71
/* YYNSTATES -- Number of states.  */
#define YYNSTATES  146

/* YYMAXUTOK -- Last valid token kind.  */
#define YYMAXUTOK   314


/* YYTRANSLATE(TOKEN-NUM) -- Symbol number corresponding to TOKEN-NUM
   as returned by yylex, with out-of-bounds checking.  */
#define YYTRANSLATE(YYX)                                \
  (0 <= (YYX) && (YYX) <= YYMAXUTOK                     \
   ? YY_CAST (yysymbol_kind_t, yytranslate[YYX])        \
   : YYSYMBOL_YYUNDEF)

/* YYTRANSLATE[TOKEN-NUM] -- Symbol number corresponding to TOKEN-NUM
   as returned by yylex.  */
static const yytype_int8 yytranslate[] =
{
       0,     2,     2,     2,     2,     2,     2,     2,     2,     2,
      60,     2,     2,     2,     2,     2,     2,     2,     2,     2,
       2,     2,     2,     2,     2,     2,     2,     2,     2,     2,
       2,     2,     2,     2,     2,     2,     2,     2,     2,     2,
       2,     2,    64,     2,    65,     2,     2,     2,     2,     2,
       2,     2,     2,     2,     2,     2,     2,     2,     2,    66,
       2,    61,     2,     2,     2,     2,     2,     2,     2,     2,
       2,     2,     2,     2,     2,     2,     2,     2,     2,     2,
       2,     2,     2,     2,     2,     2,     2,     2,     2,     2,
       2,     2,     2,     2,     2,     2,     2,     2,     2,     2,
       2,     2,     2,     2,     2,     2,     2,     2,     2,     2,
       2,     2,     2,     2,     2,     2,     2,     2,     2,     2,
       2,     2,     2,    62,     2,    63,     2,     2,     2,     2,
       2,     2,     2,     2,     2,     2,     2,     2,     2,     2,
       2,     2,     2,     2,     2,     2,     2,     2,     2,     2,
       2,     2,     2,     2,     2,     2,     2,     2,     2,     2,
       2,     2,     2,     2,     2,     2,     2,     2,     2,     2,
       2,     2,     2,     2,     2,     2,     2,     2,     2,     2,
       2,     2,     2,     2,     2,     2,     2,     2,     2,     2,
       2,     2,     2,     2,     2,     2,     2,     2,     2,     2,
       2,     2,     2,     2,     2,     2,     2,     2,     2,     2,
       2,     2,     2,     2,     2,     2,     2,     2,     2,     2,
       2,     2,     2,     2,     2,     2,     2,     2,     2,     2,
       2,     2,     2,     2,     2,     2,     2,     2,     2,     2,
       2,     2,     2,     2,     2,     2,     2,     2,     2,     2,
       2,     2,     2,     2,     2,     2,     1,     2,     3,     4,
       5,     6,     7,     8,     9,    10,    11,    12,    13,    14,
      15,    16,    17,    18,    19,    20,    21,    22,    23,    24,
      25,    26,    27,    28,    29,    30,    31,    32,    33,    34,
      35,    36,    37,    38,    39,    40,    41,    42,    43,    44,
      45,    46,    47,    48,    49,    50,    51,    52,    53,    54,
      55,    56,    57,    58,    59
};

#if YYDEBUG
/* YYRLINE[YYN] -- Source line where rule number YYN was defined.  */
static const yytype_int16 yyrline[] =
{
       0,    98,    98,    99,   100,   101,   102,   103,   106,   114,
     122,   125,   128,   131,   135,   136,   141,   144,   148,   149,
     152,   153,   154,   155,   158,   161,   161,   163,   163,   166,
     167,   172,   173,   179,   180,   190,   191,   192,   193,   196,
     201,   208,   209,   212,   213,   217,   218,   221,   222,   239,
     240,   243,   247,   250,   255,   256,   259,   262,   265,   268,
     271,   274,   277,   280,   283,   288,   294,   299,   300,   303,
     304,   307
};
#endif

/** Accessing symbol of state STATE.  */
#define YY_ACCESSING_SYMBOL(State) YY_CAST (yysymbol_kind_t, yystos[State])

#if YYDEBUG || 0
/* The user-facing name of the symbol whose (internal) number is
   YYSYMBOL.  No bounds checking.  */
static const char *yysymbol_name (yysymbol_kind_t yysymbol) YY_ATTRIBUTE_UNUSED;

/* YYTNAME[SYMBOL-NUM] -- String name of the symbol SYMBOL-NUM.
   First, the terminals, then, starting at YYNTOKENS, nonterminals.  */
static const char *const yytname[] =
{
  "\"end of file\"", "error", "\"invalid token\"", "ADMINISTRATOR", "API",
  "ATTEMPTS", "ATTESTATION", "AUDIT", "AUTHORITY", "BASE", "CA",
  "CERTIFICATE", "CONNECTIONS", "CONTROL", "CRL", "DIRECTORY", "ERROR",
  "FILETOKEN", "GROUP", "HOST", "INCLUDE", "ISSUER", "KEY", "KEYSTORE",
  "KEYUSER", "LIFETIME", "LISTEN", "LOCAL", "LOCKOUT", "LOGIN", "LOGTOKEN",
  "MASTER", "NAMES", "NONCE", "ON", "OPTIONAL", "PASSWORD", "PORT",
  "PREFORK", "PROXY", "REFETCH", "REQUIRE", "RETRY", "ROLE", "ROLEADMIN",
  "ROLEALL", "ROLETRANSFER", "ROOT", "SOCKET", "TLS", "TO", "TOKEN",
  "TRUST", "USER", "VERBOSE", "VERSIONTOKEN", "WAIT", "WITHIN", "STRING",
  "NUMBER", "'\\n'", "'='", "'{'", "'}'", "'*'", "','", "';'", "$accept",
  "grammar", "include", "macro", "main", "$@1", "$@2", "control_opt",
  "name", "port", "role", "namelist", "comma", "optnl", "sep", "seconds",
  "login_opts", "login_opt", "attestation_opts", "attestation_opt",
  "keystore_block", "keystore_opts", "keystore_opt", YY_NULLPTR
};

static const char *
yysymbol_name (yysymbol_kind_t yysymbol)
{
  return yytname[yysymbol];
}
#endif

#define YYPACT_NINF (-100)

#define yypact_value_is_default(Yyn) \
  ((Yyn) == YYPACT_NINF)

#define YYTABLE_NINF (-42)

#define yytable_value_is_error(Yyn) \
  0

/* YYPACT[STATE-NUM] -- Index in YYTABLE of the portion describing
   STATE-NUM.  */
static const yytype_int8 yypact[] =
{
    -100,     4,  -100,   -54,   -49,   -40,     8,   -38,    -4,    -3,
       1,     2,     5,    20,     3,     9,    37,    -9,    13,    14,
      15,  -100,    17,    18,    22,  -100,    39,  -100,    23,  -100,
    -100,    25,  -100,  -100,    53,  -100,   -44,  -100,  -100,  -100,
      28,    29,  -100,  -100,    30,  -100,  -100,  -100,    68,    31,
    -100,    71,  -100,  -100,  -100,    54,    32,    72,  -100,   -50,
    -100,    38,  -100,    40,  -100,    33,    41,    56,  -100,    21,
      43,  -100,    44,  -100,    32,  -100,  -100,  -100,  -100,     6,
    -100,    45,   -12,    78,  -100,    42,  -100,  -100,    27,    32,
    -100,  -100,  -100,    48,  -100,  -100,  -100,   -12,  -100,    32,
    -100,   -21,    49,    51,    87,    52,    55,   -12,    58,    57,
      89,  -100,    42,   -28,   -12,  -100,    32,    94,    59,  -100,
    -100,    61,  -100,  -100,  -100,   -12,  -100,   108,  -100,    95,
    -100,    42,  -100,    62,  -100,  -100,    66,    63,   105,  -100,
    -100,   -12,  -100,    65,  -100,  -100
};

/* YYDEFACT[STATE-NUM] -- Default reduction number in state STATE-NUM.
   Performed when YYTABLE does not specify something else to do.  Zero
   means the default is an error.  */
static const yytype_int8 yydefact[] =
{
       2,     0,     1,     0,     0,     0,     0,     0,     0,     0,
       0,     0,     0,     0,     0,     0,     0,     0,     0,     0,
       0,     3,     0,     0,     0,     7,     0,    25,     0,    20,
      17,     0,    10,     8,     0,    23,     0,    43,    16,    21,
       0,     0,    22,    24,     0,     4,     5,     6,     0,     0,
      19,    29,    27,    31,    32,    33,    49,     0,    39,    14,
       9,     0,    43,     0,    11,    67,     0,    35,    44,     0,
       0,    42,     0,    15,    54,    30,    43,    28,    34,     0,
      12,     0,     0,     0,    18,    43,    13,    40,     0,    69,
      37,    36,    38,     0,    48,    47,    52,     0,    43,    45,
      50,     0,     0,     0,     0,     0,     0,     0,     0,     0,
       0,    26,    43,     0,     0,    53,    46,     0,     0,    57,
      61,     0,    62,    63,    66,     0,    60,     0,    55,     0,
      68,    43,    51,     0,    59,    64,     0,     0,     0,    70,
      58,     0,    56,     0,    65,    71
};

/* YYPGOTO[NTERM-NUM].  */
static const yytype_int8 yypgoto[] =
{
    -100,  -100,  -100,  -100,  -100,  -100,  -100,  -100,  -100,  -100,
    -100,  -100,  -100,   -37,   -99,   -85,  -100,  -100,  -100,  -100,
    -100,  -100,  -100
};

/* YYDEFGOTO[NTERM-NUM].  */
static const yytype_uint8 yydefgoto[] =
{
       0,     1,    22,    23,    24,    49,    65,    64,    55,    67,
      80,    59,    72,    99,   100,    96,    69,    85,    88,   112,
      77,   113,   131
};

/* YYTABLE[YYPACT[STATE-NUM]] -- What to do in state STATE-NUM.  If
   positive, shift that token.  If negative, reduce the rule whose
   number is the opposite.  If YYTABLE_NINF, syntax error.  */
static const yytype_int16 yytable[] =
{
      56,   117,    40,   129,     2,     3,    25,     4,   -41,    26,
       5,     6,   115,   128,    53,    71,     7,     8,    27,     9,
      54,    30,   124,    41,    10,    74,    81,    11,    12,   132,
      13,   101,   139,    14,   118,   130,   102,   103,    28,    89,
     136,   104,    15,    29,    31,    16,    94,    95,   105,    82,
      90,    91,    92,    17,    36,    32,   144,    18,    19,    33,
      34,   116,    20,    35,    21,    37,   106,   107,    38,   108,
      39,    42,    83,    43,   109,    48,    44,    45,    46,   110,
      52,    50,    47,    51,    84,    61,    57,    58,    60,    63,
     111,    66,    68,    62,    70,    76,    73,   127,    75,    79,
      78,    86,    87,    97,    93,   114,   121,   119,    98,   120,
     122,   133,   137,   123,   125,   126,   141,   138,   134,   135,
     140,   142,   143,   145
};

static const yytype_uint8 yycheck[] =
{
      37,    22,    11,    31,     0,     1,    60,     3,    58,    58,
       6,     7,    97,   112,    58,    65,    12,    13,    58,    15,
      64,    59,   107,    32,    20,    62,     5,    23,    24,   114,
      26,     4,   131,    29,    55,    63,     9,    10,    30,    76,
     125,    14,    38,    35,    48,    41,    58,    59,    21,    28,
      44,    45,    46,    49,    34,    58,   141,    53,    54,    58,
      58,    98,    58,    58,    60,    62,    39,    40,    59,    42,
      33,    58,    51,    59,    47,    36,    61,    60,    60,    52,
      27,    58,    60,    58,    63,    17,    58,    58,    58,    18,
      63,    37,    60,    62,    22,    62,    58,     8,    58,    43,
      59,    58,    58,    25,    59,    57,    19,    58,    66,    58,
      58,    17,     4,    58,    56,    58,    50,    22,    59,    58,
      58,    58,    17,    58
};

/* YYSTOS[STATE-NUM] -- The symbol kind of the accessing symbol of
   state STATE-NUM.  */
static const yytype_int8 yystos[] =
{
       0,    68,     0,     1,     3,     6,     7,    12,    13,    15,
      20,    23,    24,    26,    29,    38,    41,    49,    53,    54,
      58,    60,    69,    70,    71,    60,    58,    58,    30,    35,
      59,    48,    58,    58,    58,    58,    34,    62,    59,    33,
      11,    32,    58,    59,    61,    60,    60,    60,    36,    72,
      58,    58,    27,    58,    64,    75,    80,    58,    58,    78,
      58,    17,    62,    18,    74,    73,    37,    76,    60,    83,
      22,    65,    79,    58,    80,    58,    62,    87,    59,    43,
      77,     5,    28,    51,    63,    84,    58,    58,    85,    80,
      44,    45,    46,    59,    58,    59,    82,    25,    66,    80,
      81,     4,     9,    10,    14,    21,    39,    40,    42,    47,
      52,    63,    86,    88,    57,    82,    80,    22,    55,    58,
      58,    19,    58,    58,    82,    56,    58,     8,    81,    31,
      63,    89,    82,    17,    59,    58,    82,     4,    22,    81,
      58,    50,    58,    17,    82,    58
};

/* YYR1[RULE-NUM] -- Symbol kind of the left-hand side of rule RULE-NUM.  */
static const yytype_int8 yyr1[] =
{
       0,    67,    68,    68,    68,    68,    68,    68,    69,    70,
      71,    71,    71,    71,    71,    71,    71,    71,    71,    71,
      71,    71,    71,    71,    71,    72,    71,    73,    71,    74,
      74,    75,    75,    76,    76,    77,    77,    77,    77,    78,
      78,    79,    79,    80,    80,    81,    81,    82,    82,    83,
      83,    84,    84,    84,    85,    85,    86,    86,    86,    86,
      86,    86,    86,    86,    86,    86,    86,    87,    87,    88,
      88,    89
};

/* YYR2[RULE-NUM] -- Number of symbols on the right-hand side of rule RULE-NUM.  */
static const yytype_int8 yyr2[] =
{
       0,     2,     0,     2,     3,     3,     3,     3,     2,     3,
       2,     4,     5,     5,     3,     5,     2,     2,     5,     3,
       2,     2,     2,     2,     2,     0,     7,     0,     5,     0,
       2,     1,     1,     0,     2,     0,     2,     2,     2,     1,
       3,     0,     1,     0,     2,     1,     2,     1,     1,     0,
       3,     4,     2,     3,     0,     3,     4,     2,     4,     3,
       2,     2,     2,     2,     3,     5,     2,     0,     4,     0,
       3,     4
};


enum { YYENOMEM = -2 };

#define yyerrok         (yyerrstatus = 0)
#define yyclearin       (yychar = YYEMPTY)

#define YYACCEPT        goto yyacceptlab
#define YYABORT         goto yyabortlab
#define YYERROR         goto yyerrorlab
#define YYNOMEM         goto yyexhaustedlab


#define YYRECOVERING()  (!!yyerrstatus)

#define YYBACKUP(Token, Value)                                    \
  do                                                              \
    if (yychar == YYEMPTY)                                        \
      {                                                           \
        yychar = (Token);                                         \
        yylval = (Value);                                         \
        YYPOPSTACK (yylen);                                       \
        yystate = *yyssp;                                         \
        goto yybackup;                                            \
      }                                                           \
    else                                                          \
      {                                                           \
        yyerror (YY_("syntax error: cannot back up")); \
        YYERROR;                                                  \
      }                                                           \
  while (0)

/* Backward compatibility with an undocumented macro.
   Use YYerror or YYUNDEF. */
#define YYERRCODE YYUNDEF


/* Enable debugging if requested.  */
#if YYDEBUG

# ifndef YYFPRINTF
#  include <stdio.h> /* INFRINGES ON USER NAME SPACE */
#  define YYFPRINTF fprintf
# endif

# define YYDPRINTF(Args)                        \
do {                                            \
  if (yydebug)                                  \
    YYFPRINTF Args;                             \
} while (0)




# define YY_SYMBOL_PRINT(Title, Kind, Value, Location)                    \
do {                                                                      \
  if (yydebug)                                                            \
    {                                                                     \
      YYFPRINTF (stderr, "%s ", Title);                                   \
      yy_symbol_print (stderr,                                            \
                  Kind, Value); \
      YYFPRINTF (stderr, "\n");                                           \
    }                                                                     \
} while (0)


/*-----------------------------------.
| Print this symbol's value on YYO.  |
`-----------------------------------*/

static void
yy_symbol_value_print (FILE *yyo,
                       yysymbol_kind_t yykind, YYSTYPE const * const yyvaluep)
{
  FILE *yyoutput = yyo;
  YY_USE (yyoutput);
  if (!yyvaluep)
    return;
  YY_IGNORE_MAYBE_UNINITIALIZED_BEGIN
  YY_USE (yykind);
  YY_IGNORE_MAYBE_UNINITIALIZED_END
}


/*---------------------------.
| Print this symbol on YYO.  |
`---------------------------*/

static void
yy_symbol_print (FILE *yyo,
                 yysymbol_kind_t yykind, YYSTYPE const * const yyvaluep)
{
  YYFPRINTF (yyo, "%s %s (",
             yykind < YYNTOKENS ? "token" : "nterm", yysymbol_name (yykind));

  yy_symbol_value_print (yyo, yykind, yyvaluep);
  YYFPRINTF (yyo, ")");
}

/*------------------------------------------------------------------.
| yy_stack_print -- Print the state stack from its BOTTOM up to its |
| TOP (included).                                                   |
`------------------------------------------------------------------*/

static void
yy_stack_print (yy_state_t *yybottom, yy_state_t *yytop)
{
  YYFPRINTF (stderr, "Stack now");
  for (; yybottom <= yytop; yybottom++)
    {
      int yybot = *yybottom;
      YYFPRINTF (stderr, " %d", yybot);
    }
  YYFPRINTF (stderr, "\n");
}

# define YY_STACK_PRINT(Bottom, Top)                            \
do {                                                            \
  if (yydebug)                                                  \
    yy_stack_print ((Bottom), (Top));                           \
} while (0)


/*------------------------------------------------.
| Report that the YYRULE is going to be reduced.  |
`------------------------------------------------*/

static void
yy_reduce_print (yy_state_t *yyssp, YYSTYPE *yyvsp,
                 int yyrule)
{
  int yylno = yyrline[yyrule];
  int yynrhs = yyr2[yyrule];
  int yyi;
  YYFPRINTF (stderr, "Reducing stack by rule %d (line %d):\n",
             yyrule - 1, yylno);
  /* The symbols being reduced.  */
  for (yyi = 0; yyi < yynrhs; yyi++)
    {
      YYFPRINTF (stderr, "   $%d = ", yyi + 1);
      yy_symbol_print (stderr,
                       YY_ACCESSING_SYMBOL (+yyssp[yyi + 1 - yynrhs]),
                       &yyvsp[(yyi + 1) - (yynrhs)]);
      YYFPRINTF (stderr, "\n");
    }
}

# define YY_REDUCE_PRINT(Rule)          \
do {                                    \
  if (yydebug)                          \
    yy_reduce_print (yyssp, yyvsp, Rule); \
} while (0)

/* Nonzero means print parse trace.  It is left uninitialized so that
   multiple parsers can coexist.  */
int yydebug;
#else /* !YYDEBUG */
# define YYDPRINTF(Args) ((void) 0)
# define YY_SYMBOL_PRINT(Title, Kind, Value, Location)
# define YY_STACK_PRINT(Bottom, Top)
# define YY_REDUCE_PRINT(Rule)
#endif /* !YYDEBUG */


/* YYINITDEPTH -- initial size of the parser's stacks.  */
#ifndef YYINITDEPTH
# define YYINITDEPTH 200
#endif

/* YYMAXDEPTH -- maximum size the stacks can grow to (effective only
   if the built-in stack extension method is used).

   Do not make this value too large; the results are undefined if
   YYSTACK_ALLOC_MAXIMUM < YYSTACK_BYTES (YYMAXDEPTH)
   evaluated with infinite-precision integer arithmetic.  */

#ifndef YYMAXDEPTH
# define YYMAXDEPTH 10000
#endif






/*-----------------------------------------------.
| Release the memory associated to this symbol.  |
`-----------------------------------------------*/

static void
yydestruct (const char *yymsg,
            yysymbol_kind_t yykind, YYSTYPE *yyvaluep)
{
  YY_USE (yyvaluep);
  if (!yymsg)
    yymsg = "Deleting";
  YY_SYMBOL_PRINT (yymsg, yykind, yyvaluep, yylocationp);

  YY_IGNORE_MAYBE_UNINITIALIZED_BEGIN
  YY_USE (yykind);
  YY_IGNORE_MAYBE_UNINITIALIZED_END
}


/* Lookahead token kind.  */
int yychar;

/* The semantic value of the lookahead symbol.  */
YYSTYPE yylval;
/* Number of syntax errors so far.  */
int yynerrs;




/*----------.
| yyparse.  |
`----------*/

int
yyparse (void)
{
    yy_state_fast_t yystate = 0;
    /* Number of tokens to shift before error messages enabled.  */
    int yyerrstatus = 0;

    /* Refer to the stacks through separate pointers, to allow yyoverflow
       to reallocate them elsewhere.  */

    /* Their size.  */
    YYPTRDIFF_T yystacksize = YYINITDEPTH;

    /* The state stack: array, bottom, top.  */
    yy_state_t yyssa[YYINITDEPTH];
    yy_state_t *yyss = yyssa;
    yy_state_t *yyssp = yyss;

    /* The semantic value stack: array, bottom, top.  */
    YYSTYPE yyvsa[YYINITDEPTH];
    YYSTYPE *yyvs = yyvsa;
    YYSTYPE *yyvsp = yyvs;

  int yyn;
  /* The return value of yyparse.  */
  int yyresult;
  /* Lookahead symbol kind.  */
  yysymbol_kind_t yytoken = YYSYMBOL_YYEMPTY;
  /* The variables used to return semantic value and location from the
     action routines.  */
  YYSTYPE yyval;



#define YYPOPSTACK(N)   (yyvsp -= (N), yyssp -= (N))

  /* The number of symbols on the RHS of the reduced rule.
     Keep to zero when no symbol should be popped.  */
  int yylen = 0;

  YYDPRINTF ((stderr, "Starting parse\n"));

  yychar = YYEMPTY; /* Cause a token to be read.  */

  goto yysetstate;


/*------------------------------------------------------------.
| yynewstate -- push a new state, which is found in yystate.  |
`------------------------------------------------------------*/
yynewstate:
  /* In all cases, when you get here, the value and location stacks
     have just been pushed.  So pushing a state here evens the stacks.  */
  yyssp++;


/*--------------------------------------------------------------------.
| yysetstate -- set current state (the top of the stack) to yystate.  |
`--------------------------------------------------------------------*/
yysetstate:
  YYDPRINTF ((stderr, "Entering state %d\n", yystate));
  YY_ASSERT (0 <= yystate && yystate < YYNSTATES);
  YY_IGNORE_USELESS_CAST_BEGIN
  *yyssp = YY_CAST (yy_state_t, yystate);
  YY_IGNORE_USELESS_CAST_END
  YY_STACK_PRINT (yyss, yyssp);

  if (yyss + yystacksize - 1 <= yyssp)
#if !defined yyoverflow && !defined YYSTACK_RELOCATE
    YYNOMEM;
#else
    {
      /* Get the current used size of the three stacks, in elements.  */
      YYPTRDIFF_T yysize = yyssp - yyss + 1;

# if defined yyoverflow
      {
        /* Give user a chance to reallocate the stack.  Use copies of
           these so that the &'s don't force the real ones into
           memory.  */
        yy_state_t *yyss1 = yyss;
        YYSTYPE *yyvs1 = yyvs;

        /* Each stack pointer address is followed by the size of the
           data in use in that stack, in bytes.  This used to be a
           conditional around just the two extra args, but that might
           be undefined if yyoverflow is a macro.  */
        yyoverflow (YY_("memory exhausted"),
                    &yyss1, yysize * YYSIZEOF (*yyssp),
                    &yyvs1, yysize * YYSIZEOF (*yyvsp),
                    &yystacksize);
        yyss = yyss1;
        yyvs = yyvs1;
      }
# else /* defined YYSTACK_RELOCATE */
      /* Extend the stack our own way.  */
      if (YYMAXDEPTH <= yystacksize)
        YYNOMEM;
      yystacksize *= 2;
      if (YYMAXDEPTH < yystacksize)
        yystacksize = YYMAXDEPTH;

      {
        yy_state_t *yyss1 = yyss;
        union yyalloc *yyptr =
          YY_CAST (union yyalloc *,
                   YYSTACK_ALLOC (YY_CAST (YYSIZE_T, YYSTACK_BYTES (yystacksize))));
        if (! yyptr)
          YYNOMEM;
        YYSTACK_RELOCATE (yyss_alloc, yyss);
        YYSTACK_RELOCATE (yyvs_alloc, yyvs);
#  undef YYSTACK_RELOCATE
        if (yyss1 != yyssa)
          YYSTACK_FREE (yyss1);
      }
# endif

      yyssp = yyss + yysize - 1;
      yyvsp = yyvs + yysize - 1;

      YY_IGNORE_USELESS_CAST_BEGIN
      YYDPRINTF ((stderr, "Stack size increased to %ld\n",
                  YY_CAST (long, yystacksize)));
      YY_IGNORE_USELESS_CAST_END

      if (yyss + yystacksize - 1 <= yyssp)
        YYABORT;
    }
#endif /* !defined yyoverflow && !defined YYSTACK_RELOCATE */


  if (yystate == YYFINAL)
    YYACCEPT;

  goto yybackup;


/*-----------.
| yybackup.  |
`-----------*/
yybackup:
  /* Do appropriate processing given the current state.  Read a
     lookahead token if we need one and don't already have one.  */

  /* First try to decide what to do without reference to lookahead token.  */
  yyn = yypact[yystate];
  if (yypact_value_is_default (yyn))
    goto yydefault;

  /* Not known => get a lookahead token if don't already have one.  */

  /* YYCHAR is either empty, or end-of-input, or a valid lookahead.  */
  if (yychar == YYEMPTY)
    {
      YYDPRINTF ((stderr, "Reading a token\n"));
      yychar = yylex ();
    }

  if (yychar <= YYEOF)
    {
      yychar = YYEOF;
      yytoken = YYSYMBOL_YYEOF;
      YYDPRINTF ((stderr, "Now at end of input.\n"));
    }
  else if (yychar == YYerror)
    {
      /* The scanner already issued an error message, process directly
         to error recovery.  But do not keep the error token as
         lookahead, it is too special and may lead us to an endless
         loop in error recovery. */
      yychar = YYUNDEF;
      yytoken = YYSYMBOL_YYerror;
      goto yyerrlab1;
    }
  else
    {
      yytoken = YYTRANSLATE (yychar);
      YY_SYMBOL_PRINT ("Next token is", yytoken, &yylval, &yylloc);
    }

  /* If the proper action on seeing token YYTOKEN is to reduce or to
     detect an error, take that action.  */
  yyn += yytoken;
  if (yyn < 0 || YYLAST < yyn || yycheck[yyn] != yytoken)
    goto yydefault;
  yyn = yytable[yyn];
  if (yyn <= 0)
    {
      if (yytable_value_is_error (yyn))
        goto yyerrlab;
      yyn = -yyn;
      goto yyreduce;
    }

  /* Count tokens shifted since error; after three, turn off error
     status.  */
  if (yyerrstatus)
    yyerrstatus--;

  /* Shift the lookahead token.  */
  YY_SYMBOL_PRINT ("Shifting", yytoken, &yylval, &yylloc);
  yystate = yyn;
  YY_IGNORE_MAYBE_UNINITIALIZED_BEGIN
  *++yyvsp = yylval;
  YY_IGNORE_MAYBE_UNINITIALIZED_END

  /* Discard the shifted token.  */
  yychar = YYEMPTY;
  goto yynewstate;


/*-----------------------------------------------------------.
| yydefault -- do the default action for the current state.  |
`-----------------------------------------------------------*/
yydefault:
  yyn = yydefact[yystate];
  if (yyn == 0)
    goto yyerrlab;
  goto yyreduce;


/*-----------------------------.
| yyreduce -- do a reduction.  |
`-----------------------------*/
yyreduce:
  /* yyn is the number of a rule to reduce with.  */
  yylen = yyr2[yyn];

  /* If YYLEN is nonzero, implement the default value of the action:
     '$$ = $1'.

     Otherwise, the following line sets YYVAL to garbage.
     This behavior is undocumented and Bison
     users should not rely upon it.  Assigning to YYVAL
     unconditionally makes the parser a bit smaller, and it avoids a
     GCC warning that YYVAL may be used uninitialized.  */
  yyval = yyvsp[1-yylen];


  YY_REDUCE_PRINT (yyn);
  switch (yyn)
    {
  case 7: /* grammar: grammar error '\n'  */
#line 103 "kbsd/parent/parse.y"
                                        { yyerrok; }
#line 1458 "y.tab.c"
    break;

  case 8: /* include: INCLUDE STRING  */
#line 106 "kbsd/parent/parse.y"
                                 {
			if (file_push((yyvsp[0].string)) == -1)
				yyerror("include \"%s\": %s", (yyvsp[0].string),
				    strerror(errno));
			free((yyvsp[0].string));
		}
#line 1469 "y.tab.c"
    break;

  case 9: /* macro: STRING '=' STRING  */
#line 114 "kbsd/parent/parse.y"
                                    {
			if (macro_set((yyvsp[-2].string), (yyvsp[0].string), 0) == -1)
				yyerror("macro \"%s\"", (yyvsp[-2].string));
			free((yyvsp[-2].string));
			free((yyvsp[0].string));
		}
#line 1480 "y.tab.c"
    break;

  case 10: /* main: DIRECTORY STRING  */
#line 122 "kbsd/parent/parse.y"
                                   {
			set_once(&conf->directory, (yyvsp[0].string), "directory");
		}
#line 1488 "y.tab.c"
    break;

  case 11: /* main: CONTROL SOCKET STRING control_opt  */
#line 125 "kbsd/parent/parse.y"
                                                    {
			set_once(&conf->control_path, (yyvsp[-1].string), "control socket");
		}
#line 1496 "y.tab.c"
    break;

  case 12: /* main: LISTEN ON name port role  */
#line 128 "kbsd/parent/parse.y"
                                           {
			listener_add((yyvsp[-2].string), (yyvsp[-1].number), (yyvsp[0].number));
		}
#line 1504 "y.tab.c"
    break;

  case 13: /* main: TLS CERTIFICATE STRING KEY STRING  */
#line 131 "kbsd/parent/parse.y"
                                                    {
			set_once(&conf->tls_cert, (yyvsp[-2].string), "tls certificate");
			set_once(&conf->tls_key, (yyvsp[0].string), "tls key");
		}
#line 1513 "y.tab.c"
    break;

  case 15: /* main: ADMINISTRATOR STRING PASSWORD FILETOKEN STRING  */
#line 136 "kbsd/parent/parse.y"
                                                                 {
			set_once(&conf->administrator, (yyvsp[-3].string), "administrator");
			set_once(&conf->admin_password, (yyvsp[0].string),
			    "administrator password");
		}
#line 1523 "y.tab.c"
    break;

  case 16: /* main: PREFORK NUMBER  */
#line 141 "kbsd/parent/parse.y"
                                 {
			conf->prefork = range((yyvsp[0].number), 1, PREFORK_MAX, "prefork");
		}
#line 1531 "y.tab.c"
    break;

  case 17: /* main: CONNECTIONS NUMBER  */
#line 144 "kbsd/parent/parse.y"
                                     {
			conf->connections = range((yyvsp[0].number), 1, 1000000,
			    "connections");
		}
#line 1540 "y.tab.c"
    break;

  case 19: /* main: AUDIT LOGTOKEN STRING  */
#line 149 "kbsd/parent/parse.y"
                                        {
			set_once(&conf->audit_path, (yyvsp[0].string), "audit log");
		}
#line 1548 "y.tab.c"
    break;

  case 20: /* main: AUDIT OPTIONAL  */
#line 152 "kbsd/parent/parse.y"
                                        { conf->audit_optional = 1; }
#line 1554 "y.tab.c"
    break;

  case 21: /* main: REQUIRE NONCE  */
#line 153 "kbsd/parent/parse.y"
                                        { conf->require_nonce = 1; }
#line 1560 "y.tab.c"
    break;

  case 22: /* main: USER STRING  */
#line 154 "kbsd/parent/parse.y"
                                        { set_once(&conf->user, (yyvsp[0].string), "user"); }
#line 1566 "y.tab.c"
    break;

  case 23: /* main: KEYUSER STRING  */
#line 155 "kbsd/parent/parse.y"
                                 {
			set_once(&conf->keyuser, (yyvsp[0].string), "keyuser");
		}
#line 1574 "y.tab.c"
    break;

  case 24: /* main: VERBOSE NUMBER  */
#line 158 "kbsd/parent/parse.y"
                                 {
			conf->verbose = range((yyvsp[0].number), 0, 2, "verbose");
		}
#line 1582 "y.tab.c"
    break;

  case 25: /* $@1: %empty  */
#line 161 "kbsd/parent/parse.y"
                                     { attestation_begin((yyvsp[0].string)); }
#line 1588 "y.tab.c"
    break;

  case 27: /* $@2: %empty  */
#line 163 "kbsd/parent/parse.y"
                                        { keystore_begin((yyvsp[-1].string)); }
#line 1594 "y.tab.c"
    break;

  case 30: /* control_opt: GROUP STRING  */
#line 167 "kbsd/parent/parse.y"
                               {
			set_once(&conf->control_group, (yyvsp[0].string), "control group");
		}
#line 1602 "y.tab.c"
    break;

  case 31: /* name: STRING  */
#line 172 "kbsd/parent/parse.y"
                                        { (yyval.string) = (yyvsp[0].string); }
#line 1608 "y.tab.c"
    break;

  case 32: /* name: '*'  */
#line 173 "kbsd/parent/parse.y"
                      {
			if (((yyval.string) = strdup("*")) == NULL)
				fatal("strdup");
		}
#line 1617 "y.tab.c"
    break;

  case 33: /* port: %empty  */
#line 179 "kbsd/parent/parse.y"
                                        { (yyval.number) = 9443; }
#line 1623 "y.tab.c"
    break;

  case 34: /* port: PORT NUMBER  */
#line 180 "kbsd/parent/parse.y"
                              {
			if ((yyvsp[0].number) < 0 || (yyvsp[0].number) > 65535) {
				yyerror("port %lld is not between 0 and 65535",
				    (long long)(yyvsp[0].number));
				(yyvsp[0].number) = 9443;
			}
			(yyval.number) = (yyvsp[0].number);
		}
#line 1636 "y.tab.c"
    break;

  case 35: /* role: %empty  */
#line 190 "kbsd/parent/parse.y"
                                        { (yyval.number) = ROLE_ALL; }
#line 1642 "y.tab.c"
    break;

  case 36: /* role: ROLE ROLEALL  */
#line 191 "kbsd/parent/parse.y"
                                        { (yyval.number) = ROLE_ALL; }
#line 1648 "y.tab.c"
    break;

  case 37: /* role: ROLE ROLEADMIN  */
#line 192 "kbsd/parent/parse.y"
                                        { (yyval.number) = ROLE_ADMIN; }
#line 1654 "y.tab.c"
    break;

  case 38: /* role: ROLE ROLETRANSFER  */
#line 193 "kbsd/parent/parse.y"
                                        { (yyval.number) = ROLE_TRANSFER; }
#line 1660 "y.tab.c"
    break;

  case 39: /* namelist: STRING  */
#line 196 "kbsd/parent/parse.y"
                         {
			if (words_add(&conf->tls_names, (yyvsp[0].string)) == -1)
				fatal("words_add");
			free((yyvsp[0].string));
		}
#line 1670 "y.tab.c"
    break;

  case 40: /* namelist: namelist comma STRING  */
#line 201 "kbsd/parent/parse.y"
                                        {
			if (words_add(&conf->tls_names, (yyvsp[0].string)) == -1)
				fatal("words_add");
			free((yyvsp[0].string));
		}
#line 1680 "y.tab.c"
    break;

  case 47: /* seconds: NUMBER  */
#line 221 "kbsd/parent/parse.y"
                                        { (yyval.number) = (yyvsp[0].number); }
#line 1686 "y.tab.c"
    break;

  case 48: /* seconds: STRING  */
#line 222 "kbsd/parent/parse.y"
                         {
			char	*end;

			errno = 0;
			(yyval.number) = strtoll((yyvsp[0].string), &end, 10);
			if (errno != 0 || end == (yyvsp[0].string) || end[0] == '\0' ||
			    end[1] != '\0' || strchr("smhd", *end) == NULL) {
				yyerror("\"%s\" is no time: write 30s, 5m, 2h "
				    "or 1d", (yyvsp[0].string));
				(yyval.number) = 1;
			} else
				(yyval.number) *= *end == 's' ? 1 : *end == 'm' ? 60 :
				    *end == 'h' ? 3600 : 86400;
			free((yyvsp[0].string));
		}
#line 1706 "y.tab.c"
    break;

  case 51: /* login_opt: ATTEMPTS NUMBER WITHIN seconds  */
#line 243 "kbsd/parent/parse.y"
                                                 {
			conf->attempts = range((yyvsp[-2].number), 1, 1000, "attempts");
			conf->interval = range((yyvsp[0].number), 1, 86400, "within");
		}
#line 1715 "y.tab.c"
    break;

  case 52: /* login_opt: LOCKOUT seconds  */
#line 247 "kbsd/parent/parse.y"
                                  {
			conf->lockout = range((yyvsp[0].number), 1, 7 * 86400, "lockout");
		}
#line 1723 "y.tab.c"
    break;

  case 53: /* login_opt: TOKEN LIFETIME seconds  */
#line 250 "kbsd/parent/parse.y"
                                         {
			conf->lifetime = range((yyvsp[0].number), 60, 1800, "token lifetime");
		}
#line 1731 "y.tab.c"
    break;

  case 56: /* attestation_opt: TRUST AUTHORITY API STRING  */
#line 259 "kbsd/parent/parse.y"
                                             {
			set_once(&attestation->api, (yyvsp[0].string), "api");
		}
#line 1739 "y.tab.c"
    break;

  case 57: /* attestation_opt: BASE STRING  */
#line 262 "kbsd/parent/parse.y"
                              {
			set_once(&attestation->base, (yyvsp[0].string), "base");
		}
#line 1747 "y.tab.c"
    break;

  case 58: /* attestation_opt: API KEY FILETOKEN STRING  */
#line 265 "kbsd/parent/parse.y"
                                           {
			set_once(&attestation->api_key, (yyvsp[0].string), "api key file");
		}
#line 1755 "y.tab.c"
    break;

  case 59: /* attestation_opt: API VERSIONTOKEN NUMBER  */
#line 268 "kbsd/parent/parse.y"
                                          {
			attestation->version = range((yyvsp[0].number), 1, 2, "api version");
		}
#line 1763 "y.tab.c"
    break;

  case 60: /* attestation_opt: ROOT STRING  */
#line 271 "kbsd/parent/parse.y"
                              {
			set_once(&attestation->root, (yyvsp[0].string), "root");
		}
#line 1771 "y.tab.c"
    break;

  case 61: /* attestation_opt: CA STRING  */
#line 274 "kbsd/parent/parse.y"
                            {
			set_once(&attestation->ca, (yyvsp[0].string), "ca");
		}
#line 1779 "y.tab.c"
    break;

  case 62: /* attestation_opt: ISSUER STRING  */
#line 277 "kbsd/parent/parse.y"
                                {
			set_once(&attestation->issuer, (yyvsp[0].string), "issuer");
		}
#line 1787 "y.tab.c"
    break;

  case 63: /* attestation_opt: PROXY STRING  */
#line 280 "kbsd/parent/parse.y"
                               {
			set_once(&attestation->proxy, (yyvsp[0].string), "proxy");
		}
#line 1795 "y.tab.c"
    break;

  case 64: /* attestation_opt: CRL HOST STRING  */
#line 283 "kbsd/parent/parse.y"
                                  {
			if (words_add(&attestation->crl_hosts, (yyvsp[0].string)) == -1)
				fatal("words_add");
			free((yyvsp[0].string));
		}
#line 1805 "y.tab.c"
    break;

  case 65: /* attestation_opt: RETRY WAIT seconds TO seconds  */
#line 288 "kbsd/parent/parse.y"
                                                {
			attestation->retry_least = 1000 *
			    range((yyvsp[-2].number), 0, 60, "retry wait");
			attestation->retry_most = 1000 *
			    range((yyvsp[0].number), 0, 60, "retry wait");
		}
#line 1816 "y.tab.c"
    break;

  case 66: /* attestation_opt: REFETCH seconds  */
#line 294 "kbsd/parent/parse.y"
                                  {
			attestation->refetch = range((yyvsp[0].number), 1, 86400, "refetch");
		}
#line 1824 "y.tab.c"
    break;

  case 71: /* keystore_opt: MASTER KEY FILETOKEN STRING  */
#line 307 "kbsd/parent/parse.y"
                                              {
			set_once(&keystore->master_key, (yyvsp[0].string), "master key file");
		}
#line 1832 "y.tab.c"
    break;


#line 1836 "y.tab.c"

      default: break;
    }
  /* User semantic actions sometimes alter yychar, and that requires
     that yytoken be updated with the new translation.  We take the
     approach of translating immediately before every use of yytoken.
     One alternative is translating here after every semantic action,
     but that translation would be missed if the semantic action invokes
     YYABORT, YYACCEPT, or YYERROR immediately after altering yychar or
     if it invokes YYBACKUP.  In the case of YYABORT or YYACCEPT, an
     incorrect destructor might then be invoked immediately.  In the
     case of YYERROR or YYBACKUP, subsequent parser actions might lead
     to an incorrect destructor call or verbose syntax error message
     before the lookahead is translated.  */
  YY_SYMBOL_PRINT ("-> $$ =", YY_CAST (yysymbol_kind_t, yyr1[yyn]), &yyval, &yyloc);

  YYPOPSTACK (yylen);
  yylen = 0;

  *++yyvsp = yyval;

  /* Now 'shift' the result of the reduction.  Determine what state
     that goes to, based on the state we popped back to and the rule
     number reduced by.  */
  {
    const int yylhs = yyr1[yyn] - YYNTOKENS;
    const int yyi = yypgoto[yylhs] + *yyssp;
    yystate = (0 <= yyi && yyi <= YYLAST && yycheck[yyi] == *yyssp
               ? yytable[yyi]
               : yydefgoto[yylhs]);
  }

  goto yynewstate;


/*--------------------------------------.
| yyerrlab -- here on detecting error.  |
`--------------------------------------*/
yyerrlab:
  /* Make sure we have latest lookahead translation.  See comments at
     user semantic actions for why this is necessary.  */
  yytoken = yychar == YYEMPTY ? YYSYMBOL_YYEMPTY : YYTRANSLATE (yychar);
  /* If not already recovering from an error, report this error.  */
  if (!yyerrstatus)
    {
      ++yynerrs;
      yyerror (YY_("syntax error"));
    }

  if (yyerrstatus == 3)
    {
      /* If just tried and failed to reuse lookahead token after an
         error, discard it.  */

      if (yychar <= YYEOF)
        {
          /* Return failure if at end of input.  */
          if (yychar == YYEOF)
            YYABORT;
        }
      else
        {
          yydestruct ("Error: discarding",
                      yytoken, &yylval);
          yychar = YYEMPTY;
        }
    }

  /* Else will try to reuse lookahead token after shifting the error
     token.  */
  goto yyerrlab1;


/*---------------------------------------------------.
| yyerrorlab -- error raised explicitly by YYERROR.  |
`---------------------------------------------------*/
yyerrorlab:
  /* Pacify compilers when the user code never invokes YYERROR and the
     label yyerrorlab therefore never appears in user code.  */
  if (0)
    YYERROR;
  ++yynerrs;

  /* Do not reclaim the symbols of the rule whose action triggered
     this YYERROR.  */
  YYPOPSTACK (yylen);
  yylen = 0;
  YY_STACK_PRINT (yyss, yyssp);
  yystate = *yyssp;
  goto yyerrlab1;


/*-------------------------------------------------------------.
| yyerrlab1 -- common code for both syntax error and YYERROR.  |
`-------------------------------------------------------------*/
yyerrlab1:
  yyerrstatus = 3;      /* Each real token shifted decrements this.  */

  /* Pop stack until we find a state that shifts the error token.  */
  for (;;)
    {
      yyn = yypact[yystate];
      if (!yypact_value_is_default (yyn))
        {
          yyn += YYSYMBOL_YYerror;
          if (0 <= yyn && yyn <= YYLAST && yycheck[yyn] == YYSYMBOL_YYerror)
            {
              yyn = yytable[yyn];
              if (0 < yyn)
                break;
            }
        }

      /* Pop the current state because it cannot handle the error token.  */
      if (yyssp == yyss)
        YYABORT;


      yydestruct ("Error: popping",
                  YY_ACCESSING_SYMBOL (yystate), yyvsp);
      YYPOPSTACK (1);
      yystate = *yyssp;
      YY_STACK_PRINT (yyss, yyssp);
    }

  YY_IGNORE_MAYBE_UNINITIALIZED_BEGIN
  *++yyvsp = yylval;
  YY_IGNORE_MAYBE_UNINITIALIZED_END


  /* Shift the error token.  */
  YY_SYMBOL_PRINT ("Shifting", YY_ACCESSING_SYMBOL (yyn), yyvsp, yylsp);

  yystate = yyn;
  goto yynewstate;


/*-------------------------------------.
| yyacceptlab -- YYACCEPT comes here.  |
`-------------------------------------*/
yyacceptlab:
  yyresult = 0;
  goto yyreturnlab;


/*-----------------------------------.
| yyabortlab -- YYABORT comes here.  |
`-----------------------------------*/
yyabortlab:
  yyresult = 1;
  goto yyreturnlab;


/*-----------------------------------------------------------.
| yyexhaustedlab -- YYNOMEM (memory exhaustion) comes here.  |
`-----------------------------------------------------------*/
yyexhaustedlab:
  yyerror (YY_("memory exhausted"));
  yyresult = 2;
  goto yyreturnlab;


/*----------------------------------------------------------.
| yyreturnlab -- parsing is finished, clean up and return.  |
`----------------------------------------------------------*/
yyreturnlab:
  if (yychar != YYEMPTY)
    {
      /* Make sure we have latest lookahead translation.  See comments at
         user semantic actions for why this is necessary.  */
      yytoken = YYTRANSLATE (yychar);
      yydestruct ("Cleanup: discarding lookahead",
                  yytoken, &yylval);
    }
  /* Do not reclaim the symbols of the rule whose action triggered
     this YYABORT or YYACCEPT.  */
  YYPOPSTACK (yylen);
  YY_STACK_PRINT (yyss, yyssp);
  while (yyssp != yyss)
    {
      yydestruct ("Cleanup: popping",
                  YY_ACCESSING_SYMBOL (+*yyssp), yyvsp);
      YYPOPSTACK (1);
    }
#ifndef yyoverflow
  if (yyss != yyssa)
    YYSTACK_FREE (yyss);
#endif

  return yyresult;
}

#line 312 "kbsd/parent/parse.y"


static void
yyerror(const char *fmt, ...)
{
	char	 text[512];
	va_list	 ap;

	errors++;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	/* bison itself says no more than this. */
	if (strcmp(text, "syntax error") == 0)
		snprintf(text, sizeof(text), "syntax error near \"%s\"",
		    last_word);
	log_warnx("%s:%d: %s", file->name, token_line, text);
}

static void
set_once(char **where, char *value, const char *what)
{
	if (*where != NULL)
		yyerror("%s is set twice", what);
	free(*where);
	*where = value;
}

static unsigned int
range(int64_t value, int64_t least, int64_t most, const char *what)
{
	if (value >= least && value <= most)
		return ((unsigned int)value);
	yyerror("%s %lld is not between %lld and %lld", what,
	    (long long)value, (long long)least, (long long)most);
	return ((unsigned int)least);
}

static void
listener_add(char *address, int64_t port, enum role role)
{
	struct listener	*l;

	if ((l = calloc(1, sizeof(*l))) == NULL)
		fatal("calloc");
	l->address = address;
	snprintf(l->port, sizeof(l->port), "%u", (unsigned int)port & 0xffff);
	l->role = role;
	l->fd = -1;
	TAILQ_INSERT_TAIL(&conf->listeners, l, entry);
}

/* A name becomes part of file names. */
static void
check_name(const char *name, const char *what)
{
	size_t	 i;

	if (name[0] == '\0' || name[0] == '.' ||
	    strlen(name) >= NAME_MAX_STORE)
		yyerror("%s name \"%s\" must have 1 to %d characters and not "
		    "begin with a dot", what, name, NAME_MAX_STORE - 1);
	for (i = 0; name[i] != '\0'; i++)
		if (!isalnum((unsigned char)name[i]) &&
		    strchr("-_.", name[i]) == NULL) {
			yyerror("%s name \"%s\": only letters, digits, '-', "
			    "'_' and '.'", what, name);
			return;
		}
}

static void
attestation_begin(char *name)
{
	struct attestation	*a;

	check_name(name, "attestation");
	TAILQ_FOREACH(a, &conf->attestations, entry)
		if (strcmp(a->name, name) == 0)
			yyerror("attestation \"%s\" is set twice", name);
	if ((a = calloc(1, sizeof(*a))) == NULL)
		fatal("calloc");
	a->name = name;
	a->version = 2;
	a->retry_least = 2000;
	a->retry_most = 10000;
	a->refetch = 60;
	TAILQ_INIT(&a->crl_hosts);
	TAILQ_INSERT_TAIL(&conf->attestations, a, entry);
	attestation = a;
}

static void
keystore_begin(char *name)
{
	struct keystore	*k;

	check_name(name, "keystore");
	TAILQ_FOREACH(k, &conf->keystores, entry)
		if (strcmp(k->name, name) == 0)
			yyerror("keystore \"%s\" is set twice", name);
	if ((k = calloc(1, sizeof(*k))) == NULL)
		fatal("calloc");
	k->name = name;
	k->type = KEYSTORE_LOCAL;
	TAILQ_INSERT_TAIL(&conf->keystores, k, entry);
	keystore = k;
}

static const struct keyword {
	const char	*name;
	int		 token;
} keywords[] = {	/* sorted */
	{ "admin",		ROLEADMIN },
	{ "administrator",	ADMINISTRATOR },
	{ "all",		ROLEALL },
	{ "api",		API },
	{ "attempts",		ATTEMPTS },
	{ "attestation",	ATTESTATION },
	{ "audit",		AUDIT },
	{ "authority",		AUTHORITY },
	{ "base",		BASE },
	{ "ca",			CA },
	{ "certificate",	CERTIFICATE },
	{ "connections",	CONNECTIONS },
	{ "control",		CONTROL },
	{ "crl",		CRL },
	{ "directory",		DIRECTORY },
	{ "file",		FILETOKEN },
	{ "group",		GROUP },
	{ "host",		HOST },
	{ "include",		INCLUDE },
	{ "issuer",		ISSUER },
	{ "key",		KEY },
	{ "keystore",		KEYSTORE },
	{ "keyuser",		KEYUSER },
	{ "lifetime",		LIFETIME },
	{ "listen",		LISTEN },
	{ "local",		LOCAL },
	{ "lockout",		LOCKOUT },
	{ "log",		LOGTOKEN },
	{ "login",		LOGIN },
	{ "master",		MASTER },
	{ "names",		NAMES },
	{ "nonce",		NONCE },
	{ "on",			ON },
	{ "optional",		OPTIONAL },
	{ "password",		PASSWORD },
	{ "port",		PORT },
	{ "prefork",		PREFORK },
	{ "proxy",		PROXY },
	{ "refetch",		REFETCH },
	{ "require",		REQUIRE },
	{ "retry",		RETRY },
	{ "role",		ROLE },
	{ "root",		ROOT },
	{ "socket",		SOCKET },
	{ "tls",		TLS },
	{ "to",			TO },
	{ "token",		TOKEN },
	{ "transfer",		ROLETRANSFER },
	{ "trust",		TRUST },
	{ "user",		USER },
	{ "verbose",		VERBOSE },
	{ "version",		VERSIONTOKEN },
	{ "wait",		WAIT },
	{ "within",		WITHIN },
};

static int
keyword_cmp(const void *key, const void *row)
{
	return (strcmp(key, ((const struct keyword *)row)->name));
}

static int
keyword_find(const char *word)
{
	const struct keyword	*k;

	k = bsearch(word, keywords, sizeof(keywords) / sizeof(keywords[0]),
	    sizeof(keywords[0]), keyword_cmp);
	return (k == NULL ? STRING : k->token);
}

/* --- the lexer ----------------------------------------------------------- */

static int
lex_get(void)
{
	int	 c, next;

	for (;;) {
		if ((c = getc(file->stream)) == '\\') {
			if ((next = getc(file->stream)) == '\n') {
				file->line++;
				continue;
			}
			if (next != EOF)
				ungetc(next, file->stream);
		}
		return (c);
	}
}

static void
lex_unget(int c)
{
	if (c != EOF)
		ungetc(c, file->stream);
}

static int
lex_string(const char *text)
{
	strlcpy(last_word, text, sizeof(last_word));
	if ((yylval.string = strdup(text)) == NULL)
		fatal("strdup");
	return (STRING);
}

static int
lex_quoted(int quote)
{
	char	 text[LINE_LONGEST];
	size_t	 n = 0;
	int	 c;

	while ((c = getc(file->stream)) != quote) {
		if (c == EOF || c == '\n') {
			yyerror("a string is not ended");
			lex_unget(c);
			return (ERROR);
		}
		if (c == '\\') {
			c = getc(file->stream);
			if (c != quote && c != '\\') {
				lex_unget(c);
				c = '\\';
			}
		}
		if (n == sizeof(text) - 1) {
			yyerror("a string is too long");
			return (ERROR);
		}
		text[n++] = (char)c;
	}
	text[n] = '\0';
	return (lex_string(text));
}

static int
lex_isword(int c)
{
	return (c != EOF && (isalnum(c) || strchr("-_./:@[]", c) != NULL));
}

static int
lex_word(int c, char *text, size_t size)
{
	size_t	 n = 0;

	for (; lex_isword(c); c = lex_get()) {
		if (n == size - 1) {
			yyerror("a word is too long");
			return (-1);
		}
		text[n++] = (char)c;
	}
	text[n] = '\0';
	lex_unget(c);
	return (0);
}

static int
lex_macro(void)
{
	char		 name[LINE_LONGEST];
	const char	*value;

	if (lex_word(lex_get(), name, sizeof(name)) == -1)
		return (ERROR);
	if ((value = macro_get(name)) == NULL) {
		yyerror("macro \"%s\" is not defined", name);
		return (ERROR);
	}
	return (lex_string(value));
}

static int
lex_plain(int c)
{
	char		 text[LINE_LONGEST];
	const char	*why;
	int		 token;

	if (lex_word(c, text, sizeof(text)) == -1)
		return (ERROR);
	if (strspn(text, "0123456789") == strlen(text)) {
		strlcpy(last_word, text, sizeof(last_word));
		yylval.number = strtonum(text, 0, INT64_MAX, &why);
		if (why != NULL) {
			yyerror("number %s is %s", text, why);
			return (ERROR);
		}
		return (NUMBER);
	}
	lex_string(text);
	if ((token = keyword_find(text)) != STRING)
		free(yylval.string);
	return (token);
}

static int
yylex(void)
{
	int	 c;

	for (;;) {
		while ((c = lex_get()) == ' ' || c == '\t' || c == '\r')
			continue;
		if (c == '#')
			while ((c = getc(file->stream)) != '\n' && c != EOF)
				continue;
		if (c != EOF)
			break;
		if (!file->ended) {	/* the newline that may be missing */
			file->ended = 1;
			token_line = file->line;
			return ('\n');
		}
		if (TAILQ_NEXT(file, entry) == NULL)
			return (0);
		file_pop();
	}
	token_line = file->line;
	if (c == '\n') {
		file->line++;
		return ('\n');
	}
	if (c == '"' || c == '\'')
		return (lex_quoted(c));
	if (c == '$')
		return (lex_macro());
	if (lex_isword(c))
		return (lex_plain(c));
	return (c);
}

/* --- files and macros ---------------------------------------------------- */

static int
file_push(const char *name)
{
	struct file	*f;
	struct stat	 st;

	if (file != NULL && file->depth == INCLUDE_DEPTH) {
		errno = ELOOP;
		return (-1);
	}
	if ((f = calloc(1, sizeof(*f))) == NULL ||
	    (f->name = strdup(name)) == NULL)
		fatal("calloc");
	f->depth = file == NULL ? 1 : file->depth + 1;
	if ((f->stream = fopen(name, "re")) == NULL)
		goto fail;
	if (fstat(fileno(f->stream), &st) == -1)
		goto fail;
	if (S_ISREG(st.st_mode) && (st.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
		log_warnx("%s: others may write it", name);
		errno = EPERM;
		goto fail;
	}
	/* The newline behind an include is read from what is included. */
	f->line = file == NULL ? 1 : 0;
	if (file != NULL)
		ungetc('\n', f->stream);
	TAILQ_INSERT_HEAD(&files, f, entry);
	file = f;
	return (0);
fail:
	if (f->stream != NULL)
		fclose(f->stream);
	free(f->name);
	free(f);
	return (-1);
}

static void
file_pop(void)
{
	struct file	*f = file;

	TAILQ_REMOVE(&files, f, entry);
	file = TAILQ_FIRST(&files);
	fclose(f->stream);
	free(f->name);
	free(f);
}

static const char *
macro_get(const char *name)
{
	struct macro	*m;

	TAILQ_FOREACH(m, &macros, entry)
		if (strcmp(m->name, name) == 0)
			return (m->value);
	return (NULL);
}

static int
macro_set(const char *name, const char *value, int fixed)
{
	struct macro	*m;

	TAILQ_FOREACH(m, &macros, entry)
		if (strcmp(m->name, name) == 0)
			break;
	if (m != NULL && m->fixed && !fixed)
		return (0);
	if (m == NULL) {
		if ((m = calloc(1, sizeof(*m))) == NULL ||
		    (m->name = strdup(name)) == NULL)
			return (-1);
		TAILQ_INSERT_TAIL(&macros, m, entry);
	}
	free(m->value);
	m->fixed = fixed;
	return ((m->value = strdup(value)) == NULL ? -1 : 0);
}

int
config_macro(const char *text)
{
	const char	*value;
	char		 name[256];

	if ((value = strchr(text, '=')) == NULL || value == text ||
	    (size_t)(value - text) >= sizeof(name))
		return (-1);
	strlcpy(name, text, (size_t)(value - text) + 1);
	return (macro_set(name, value + 1, 1));
}

/* Macros of the file itself do not outlive it: a reload begins afresh. */
static void
macros_forget(void)
{
	struct macro	*m, *next;

	TAILQ_FOREACH_SAFE(m, &macros, entry, next) {
		if (m->fixed)
			continue;
		TAILQ_REMOVE(&macros, m, entry);
		free(m->name);
		free(m->value);
		free(m);
	}
}

struct config *
config_parse(const char *path)
{
	errors = 0;
	file = NULL;
	token_line = 1;
	if (file_push(path) == -1) {
		log_warn("%s", path);
		return (NULL);
	}
	conf = config_new();
	yyparse();
	while (file != NULL)
		file_pop();
	macros_forget();
	if (config_finish(conf) == -1)
		errors++;
	if (errors > 0) {
		config_free(conf);
		return (NULL);
	}
	return (conf);
}
