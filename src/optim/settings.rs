//! The builder of a rule, written once.

/// Where frameworks differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Convention {
    Torch,
    Keras,
    Optax,
}

/// Defines a rule by its settings: the struct, `new` with the defaults, a setter and a check for each setting, and `Default`.
///
/// - A number has a default and the name of a function of `error::check`. What follows `as` is what a [`Moment`] calls
///   it: it can be scheduled, the rule [reads](crate::optim::Optimizer::reads) it, and `in_force` gives the rule as it is at
///   a step.
/// - Options that need memory are parameters of the type, `Rule<option: Option>`, one or two, off in `new`; what turns one on
///   is written by hand with `switch`, which takes all of them and keeps the settings.
/// - `options` are off until they are turned on, `also` are settings that are no numbers.
/// - What comes after `with` has no setter here; it can be read only if an option is on.
/// - After `where` stands the name of a method that checks what one setting alone does not show, after `made by` that of a
///   constructor in place of `new`.
///
/// [`Moment`]: crate::optim::Moment
macro_rules! settings {
    (
        $(#[$doc:meta])*
        pub struct $name:ident $(<$($switch:ident: $parameter:ident),+>)? {
            $( $(#[$field_doc:meta])* $field:ident = $default:expr, $check:ident $(, as $scheduled:ident)?; )*
        }
        $( options { $( $(#[$option_doc:meta])* $option:ident; )+ } )?
        $( also { $( $(#[$also_doc:meta])* $also:ident: $also_type:ty = $also_default:expr $(, $also_check:ident)?; )+ } )?
        $( with $own:ident: $type:ty = $value:expr
            $(, $own_check:ident $(, as $own_scheduled:ident $(if $needed:ident)?)?)?; )*
        $( where $consistent:ident; )?
        $( made by $constructor:ident; )?
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq)]
        #[must_use]
        pub struct $name $(<$($parameter = $crate::optim::Off),+>)? {
            $($field: f64,)*
            $($($option: bool,)+)?
            $($($also: $also_type,)+)?
            $($own: $type,)*
            $($($switch: $parameter,)+)?
        }

        $crate::optim::settings::constructors!($name $($constructor)?);

        impl $name {
            fn defaults() -> Self {
                Self {
                    $($field: $default,)*
                    $($($option: false,)+)?
                    $($($also: $also_default,)+)?
                    $($own: $value,)*
                    $($($switch: $crate::optim::Off,)+)?
                }
            }
        }

        impl $(<$($parameter: $crate::optim::Switch),+>)? $name $(<$($parameter),+>)? {
            $(
                $(#[$field_doc])*
                pub fn $field(mut self, $field: f64) -> Self {
                    self.$field = $field;
                    self
                }
            )*

            $($(
                $(#[$option_doc])*
                pub fn $option(mut self) -> Self {
                    self.$option = true;
                    self
                }
            )+)?

            $($(
                $(#[$also_doc])*
                pub fn $also(mut self, $also: $also_type) -> Self {
                    self.$also = $also;
                    self
                }
            )+)?

            fn check(&self) -> Result<(), $crate::Error> {
                $($crate::error::check::$check(stringify!($field), self.$field)?;)*
                $($($($crate::error::check::$also_check(stringify!($also), self.$also)?;)?)+)?
                $($($crate::error::check::$own_check(stringify!($own), self.$own)?;)?)*
                $(self.$consistent()?;)?
                Ok(())
            }

            fn own_reads(hyperparameter: $crate::optim::Hyperparameter) -> bool {
                let read: &[&str] = &[
                    $($(stringify!($scheduled),)?)*
                    $($($(if true $(&& $needed::ON)? { stringify!($own_scheduled) } else { "" },)?)?)*
                ];
                read.contains(&hyperparameter.name())
            }

            /// The rule with what is scheduled for this step.
            #[allow(dead_code, unused_mut, unused_variables, reason = "some rules have nothing that is scheduled")]
            #[inline]
            fn in_force(&self, now: &$crate::optim::Moment) -> Self {
                let mut rule = *self;
                $($(rule.$field = now.$scheduled(rule.$field);)?)*
                $($($(rule.$own = now.$own_scheduled(rule.$own);)?)?)*
                rule
            }
        }

        $crate::optim::settings::switches!(
            $name [$($($switch)+)?] $($field)* $($($option)+)? $($($also)+)? $($own)*
        );
    };
}

/// `new` and `Default`, unless another constructor takes their place.
macro_rules! constructors {
    ($name:ident) => {
        impl $name {
            /// With the defaults of the table.
            pub fn new() -> Self {
                Self::defaults()
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::new()
            }
        }
    };
    ($name:ident $constructor:ident) => {};
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

/// What a rule is called, its learning rate where none is given (a number, or the name of a setting), its buffers (or a method
/// of that name beside it), and what [`settings`] made of the rest.
///
/// A buffer starts at 0, at a number (`= 0.1`) or at a setting (`from initial`); those after the semicolon are there if an
/// option of the type is on. `whole` buffers of a tensor rule are as long as the tensor.
macro_rules! described {
    (@rate self.$rate:ident) => {
        fn default_rate(&self) -> f64 {
            self.$rate
        }
    };
    (@rate $rate:expr) => {
        fn default_rate(&self) -> f64 {
            $rate
        }
    };
    (@buffers $($buffer:literal $(= $initial:literal)? $(from $start:ident)?),* $(; $($option:ident: $further:literal),+)?) => {
        fn buffers(&self) -> Vec<$crate::optim::Buffer> {
            let always = vec![
                $($crate::optim::Buffer { name: $buffer, initial: 0.0 $(+ $initial)? $(+ self.$start)? }),*
            ];
            $(
                let optional = [$($option::ON.then(|| $crate::optim::Buffer::zeros($further))),+];
                let always = always.into_iter().chain(optional.into_iter().flatten()).collect();
            )?
            always
        }
    };
    (@rest $name:expr) => {
        fn name(&self) -> &'static str {
            $name
        }

        fn validate(&self) -> Result<(), $crate::Error> {
            self.check()
        }

        fn reads(&self, hyperparameter: $crate::optim::Hyperparameter) -> bool {
            Self::own_reads(hyperparameter)
        }
    };
    ($name:expr, self.$rate:ident, [$($buffers:tt)*]) => {
        $crate::optim::settings::described!(@rate self.$rate);
        $crate::optim::settings::described!(@buffers $($buffers)*);
        $crate::optim::settings::described!(@rest $name);
    };
    ($name:expr, $rate:expr, [$($buffers:tt)*]) => {
        $crate::optim::settings::described!(@rate $rate);
        $crate::optim::settings::described!(@buffers $($buffers)*);
        $crate::optim::settings::described!(@rest $name);
    };
    ($name:expr, $rate:expr, whole [$($buffer:literal),*]) => {
        $crate::optim::settings::described!($name, $rate);

        fn buffers(&self, shape: &[usize]) -> Vec<$crate::optim::TensorBuffer> {
            let len = shape.iter().product();
            [$($buffer),*].map(|name| $crate::optim::TensorBuffer::zeros(name, len)).to_vec()
        }
    };
    ($name:expr, $rate:expr) => {
        $crate::optim::settings::described!(@rate $rate);
        $crate::optim::settings::described!(@rest $name);
    };
}

pub(super) use {constructors, described, settings, switches};
