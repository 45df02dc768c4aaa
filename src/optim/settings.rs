//! The builder of a rule, written once.

/// Where frameworks differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Convention {
    Torch,
    Keras,
    Optax,
}

/// Defines a rule whose settings are numbers: the struct, `new` with the defaults, a setter and a check for each
/// setting, and `Default`. A check is the name of a function of `error::check`. After `with` come fields with their defaults
/// that are set by hand, mostly because they are no numbers.
///
/// Options that need memory are parameters of the type, `Rule<option: Option>`, one or two, off in `new`; what turns one on is
/// written by hand with `switch`, which takes all of them and keeps the settings.
macro_rules! settings {
    (
        $(#[$doc:meta])*
        pub struct $name:ident $(<$($switch:ident: $parameter:ident),+>)? {
            $( $(#[$field_doc:meta])* $field:ident = $default:expr, $check:ident; )*
        }
        $( with $option:ident: $type:ty = $value:expr $(, $option_check:ident)?; )*
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq)]
        #[must_use]
        pub struct $name $(<$($parameter = $crate::optim::Off),+>)? {
            $($field: f64,)*
            $($option: $type,)*
            $($($switch: $parameter,)+)?
        }

        impl $name {
            /// With the defaults of the table.
            pub fn new() -> Self {
                Self { $($field: $default,)* $($option: $value,)* $($($switch: $crate::optim::Off,)+)? }
            }
        }

        impl $(<$($parameter),+>)? $name $(<$($parameter),+>)? {
            $(
                $(#[$field_doc])*
                pub fn $field(mut self, $field: f64) -> Self {
                    self.$field = $field;
                    self
                }
            )*

            fn check(&self) -> Result<(), $crate::Error> {
                $($crate::error::check::$check(stringify!($field), self.$field)?;)*
                $($($crate::error::check::$option_check(stringify!($option), self.$option)?;)?)*
                Ok(())
            }
        }

        $crate::optim::settings::switches!($name [$($($switch)+)?] $($field)* $($option)*);

        impl Default for $name {
            fn default() -> Self {
                Self::new()
            }
        }
    };
}

/// The method with which an option of a rule is turned on: the same settings, another type.
macro_rules! switches {
    ($name:ident [] $($field:ident)*) => {};
    ($name:ident [$a:ident] $($field:ident)*) => {
        impl<A> $name<A> {
            fn switch<B>(self, $a: B) -> $name<B> {
                $name { $($field: self.$field,)* $a }
            }
        }
    };
    ($name:ident [$a:ident $b:ident] $($field:ident)*) => {
        impl<A, B> $name<A, B> {
            fn switch<C, D>(self, $a: C, $b: D) -> $name<C, D> {
                $name { $($field: self.$field,)* $a, $b }
            }
        }
    };
}

/// What a rule is called, its learning rate where none is given, its buffers (or a method of that name beside it), and the
/// check that [`settings`] made.
macro_rules! described {
    ($name:expr, $rate:expr, [$($buffer:literal = $initial:expr),*]) => {
        $crate::optim::settings::described!($name, $rate);

        fn buffers(&self) -> Vec<$crate::optim::Buffer> {
            vec![$($crate::optim::Buffer { name: $buffer, initial: $initial }),*]
        }
    };
    ($name:expr, $rate:expr) => {
        fn name(&self) -> &'static str {
            $name
        }

        fn default_rate(&self) -> f64 {
            $rate
        }

        fn validate(&self) -> Result<(), $crate::Error> {
            self.check()
        }
    };
}

pub(super) use {described, settings, switches};
